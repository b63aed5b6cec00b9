"""The cells that a design means, and the recipes they resolve to."""
