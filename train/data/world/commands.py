"""``pocketrec world``. Parses, makes one call and prints."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from edge_runtime.terminal.out_folder import writable_folder
from train.options import Seed


def world(
    out: Annotated[
        Path,
        typer.Option(
            "--out", help="Folder to write; must not exist, or be empty.", callback=writable_folder, metavar="PATH"
        ),
    ],
    kind: Annotated[
        Literal["shop", "video", "articles"],
        typer.Option(help="What the items are: products, videos with frames, or articles."),
    ] = "shop",
    seed: Seed = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a small shop where all true reasons are known. Its customers, too, are synthetic.

    Or make a video shelf or a list of articles, with people who watch or read.

    Example: pocketrec world --out build/world

    Example: pocketrec world --kind video --out build/videos
    """
    from train.data.commands import show_summary
    from train.data.folder import read_folder
    from train.data.summary import summarize
    from train.data.world.folder import write_world

    write_world(out, seed=seed, kind=kind)
    show_summary(summarize(read_folder(out)), as_json=as_json)


world.all_or_nothing = True  # type: ignore[attr-defined]
