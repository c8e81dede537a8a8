"""Releases: the newest bundle of each target, and its files by digest."""
