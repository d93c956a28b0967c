"""Measures of finished runs: intervals, tests, buckets, scores, spectra. No figure, no prose."""
