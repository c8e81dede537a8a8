"""Frozen features of items: texts, pictures and videos."""
