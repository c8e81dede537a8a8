"""Engines behind a one-method protocol; each imports its own library and no other."""
