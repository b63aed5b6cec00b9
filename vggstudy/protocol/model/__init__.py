"""What a protocol can state: settings, factors, hypotheses, and the words for mistakes in them."""
