"""The made world: a synthetic shop with known preferences."""
