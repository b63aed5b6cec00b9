"""The report as one HTML file: a view of the result, its sections, tables, figures, templates."""
