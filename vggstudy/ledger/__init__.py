"""The ledger: what each run did, in files that are complete or absent."""
