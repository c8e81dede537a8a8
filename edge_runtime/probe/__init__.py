"""``pocketrec probe``: will a bundle run on this device, and how fast, before any of its files is downloaded.

Only the command imports this package: an app that recommends never loads it.
"""
