"""Ranking metrics over the whole catalogue."""
