"""Rounds: devices that opt in improve the adapter together, and what leaves each of them is bounded and noisy.

What device and server share has no IO: the plan, the update and its wire form, the noise, and the accountant.
"""
