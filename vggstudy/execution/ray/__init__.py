"""Packs of runs as tasks of Ray."""
