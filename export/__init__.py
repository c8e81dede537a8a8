"""From trained models to a verified bundle for one target."""
