"""The analysis: from a ledger to claims with calibrated intervals."""
