"""The language model that writes reasons: training corpus and training."""
