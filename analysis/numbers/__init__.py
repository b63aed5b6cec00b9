"""Functions of arrays: intervals, resampling, least squares, likelihoods. None knows a cell."""
