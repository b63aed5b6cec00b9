"""A study from its runs to its report: labels, tables, analysis, cost, rescue."""
