"""What was observed, and what is asked of it: tables, cells, contrasts, ids of estimands."""
