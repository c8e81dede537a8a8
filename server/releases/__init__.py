"""Releases: the newest bundle of each target, and files by digest."""
