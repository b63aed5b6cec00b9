"""Before there are runs: what n of them a cell will show, from how runs are expected to be."""
