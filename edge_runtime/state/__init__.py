"""Persistent state of a device: one SQLite file with the event history and the settings."""
