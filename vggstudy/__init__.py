"""From a protocol file to a confidence interval that a paper can cite."""
