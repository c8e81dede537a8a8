"""Sequence encoders: embeddings and a mask in, states out."""
