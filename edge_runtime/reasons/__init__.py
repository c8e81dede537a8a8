"""True facts, and the sentences that may be made of them."""
