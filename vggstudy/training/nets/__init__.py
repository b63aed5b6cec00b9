"""Networks, initialised from a seed alone."""
