"""Claims for other texts: citations, LaTeX, files for programs, and the check of a paper."""
