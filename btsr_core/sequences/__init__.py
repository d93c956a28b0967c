"""Histories on a device: packed without padding, drawn in batches and partners, augmented."""
