"""What the device keeps: one SQLite file."""
