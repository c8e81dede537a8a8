"""Searches what a student may keep within a number of bytes, and writes the best as a student to export."""
