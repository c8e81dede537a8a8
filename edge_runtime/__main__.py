"""Entry point of ``pocketrec`` and ``python -m edge_runtime``: installs the Ctrl-C handler, then loads the CLI."""

import sys

from edge_runtime.interrupt import Interrupt


def main(*, is_silent: bool = False) -> None:
    """Run one command and exit with its code.

    Args:
        is_silent: print nothing on Ctrl-C, because the parent process reports it.
    """
    interrupt = Interrupt(is_silent=is_silent, as_json="--json" in sys.argv)

    from edge_runtime import cli  # only now, since loading it takes a while

    cli.main(interrupt=interrupt)


if __name__ == "__main__":
    main()
