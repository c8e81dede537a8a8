"""Personalization on the device; nothing of it leaves the device."""
