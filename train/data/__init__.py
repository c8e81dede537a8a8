"""Data folders: reading, checking, splitting and importing, and a synthetic world."""
