"""The data contract: reading, checking, splitting, importing, and a made world."""
