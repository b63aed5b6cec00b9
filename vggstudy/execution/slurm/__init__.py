"""Packs of runs as array jobs of SLURM."""
