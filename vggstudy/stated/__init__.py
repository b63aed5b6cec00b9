"""What a protocol states and an analysis answers, as both take it: hypotheses, fitted models."""
