"""``python -m edge_runtime`` is ``pocketrec``, for places where scripts are not on the path."""

from edge_runtime.cli import main

main()
