"""A continuous dial: one artefact that serves every alpha of a range without retraining."""
