"""The training loop: batches, fitting, averaging, run folders, progress."""
