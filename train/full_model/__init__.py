"""The full model: a backbone with plug-ins, its composition and its training."""
