"""Claims of several studies set side by side."""
