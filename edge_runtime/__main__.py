"""The process behind ``pocketrec`` and ``python -m edge_runtime``: takes over Ctrl-C, then loads the command."""

from edge_runtime.interrupt import Interrupt


def main(*, is_silent: bool = False) -> None:
    """Run one command and leave with its exit code.

    Args:
        is_silent: leave it to whoever started the process to say that Ctrl-C ended it.
    """
    interrupt = Interrupt(is_silent=is_silent)

    from edge_runtime import cli  # only now, since loading it takes a while

    cli.main(interrupt=interrupt)


if __name__ == "__main__":
    main()
