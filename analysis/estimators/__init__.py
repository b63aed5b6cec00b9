"""From cells and an estimand to a finding: one file a kind."""
