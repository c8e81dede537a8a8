"""Receipts: devices may say with one bit whether they took or refused a release. Only counters are stored."""
