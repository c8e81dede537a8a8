"""Operators' keys, their JSON routes, and the page at ``/ops``."""
