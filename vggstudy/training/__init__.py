"""Training of one run or of several at once; the only importer of torch."""
