"""Execution: from pending runs to records, on this machine or on a cluster."""
