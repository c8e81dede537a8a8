"""Metrics of rankings and lists; independent of models."""
