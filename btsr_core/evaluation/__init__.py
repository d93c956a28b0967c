"""Rank the whole catalogue, streaming, and the metrics of the ranks."""
