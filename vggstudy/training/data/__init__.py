"""Images: found, decoded once, split, and moved to a device."""
