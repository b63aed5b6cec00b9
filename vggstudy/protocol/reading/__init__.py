"""From a file to a protocol: every mistake at once, each with its place; and templates."""
