"""Fetching releases: verified before use, resumed after a break, switched in one step."""
