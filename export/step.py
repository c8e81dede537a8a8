"""A command as one step of the demo, which says itself what Ctrl-C has stopped."""

from edge_runtime.__main__ import main

if __name__ == "__main__":
    main(is_silent=True)
