"""What `training.py` compares: the baselines, vggstudy itself, and the floor of the machine."""
