"""What a protocol states beforehand: evidence for each part, and the verdict."""
