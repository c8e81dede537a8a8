"""Trainings that are compared with each other, and their tables."""
