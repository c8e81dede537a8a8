"""Learns on the device: whether the teacher's knowledge helps a user, and an adapter; nothing leaves the device."""
