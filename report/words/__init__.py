"""Names, sentences and rounded numbers, in the reader's language."""
