"""Datasets in the layouts in which they are published."""
