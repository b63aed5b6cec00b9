"""From findings to claims: the claim, its makers, and the way back from an id."""
