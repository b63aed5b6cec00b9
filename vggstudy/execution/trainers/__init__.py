"""Runs of a trainer of one's own: a command that is watched, or a function that is called."""
