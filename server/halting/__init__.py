"""Halts a rollout by itself, when more devices refuse the release than its signed threshold permits."""
