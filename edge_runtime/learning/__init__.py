"""Decides for which users the teacher's knowledge is used; nothing of it leaves the device."""
