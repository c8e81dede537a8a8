"""Loss functions, each with its formula and its source."""
