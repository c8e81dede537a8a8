"""Sequence encoders: they map item embeddings and a mask to states."""
