"""The language model that writes reasons: its corpus and its training."""
