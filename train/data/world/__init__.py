"""The synthetic world: a shop whose users have known preferences."""
