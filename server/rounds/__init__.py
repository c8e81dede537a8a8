"""Rounds: devices upload noisy updates of the adapter, and only their exact sum is kept."""
