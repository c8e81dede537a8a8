"""Runs a command as one step of the demo; the demo itself reports an interruption by Ctrl-C."""

from edge_runtime.__main__ import main

if __name__ == "__main__":
    main(is_silent=True)
