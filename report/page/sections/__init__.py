"""The report's sections in order: one file each, a view in, plain values for a template out."""
