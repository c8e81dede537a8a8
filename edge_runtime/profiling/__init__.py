"""``pocketrec profile``: how fast a bundle is on this device, what limits it, and whether the figures can be trusted.

Only the command imports this package: an app that recommends never loads it.
"""
