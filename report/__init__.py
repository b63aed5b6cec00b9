"""The report and the citations: claims as figures, tables, sentences and text to paste."""
