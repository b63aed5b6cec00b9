"""Runs that other tools have recorded, as a table of runs: one file a format.

`registry` knows the formats and finds out which one a source has; each of them reads a file or a
folder into `ImportedRuns` (`runs`), through `sources`, which opens ordinary files of bounded size
and follows no link inside a folder. `columns` is the map from the tool's names to the table's,
`table` the table. Nothing connects anywhere, and nothing of a source is executed.
"""
