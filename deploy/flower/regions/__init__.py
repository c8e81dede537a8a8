"""A Flower app that adds up the sums of a round of several regions (docs/rounds.md, "Several regions")."""
