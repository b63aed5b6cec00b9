"""Processes of this machine: a pool of workers, with lanes where there is a GPU."""
