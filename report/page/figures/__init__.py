"""The report's figures, one file each; every figure is data in, finished SVG out."""
