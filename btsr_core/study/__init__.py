"""The study: what is planned, trained, measured and recorded."""
