"""Command-line options that several commands of ``train`` share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

DataFolder = Annotated[
    Path, typer.Option("--data", help="Folder with interactions and items (see `pocketrec check`).", metavar="PATH")
]
RunOption = Annotated[
    Path, typer.Option("--run", help="Folder of a finished `train`, `distill` or `compare` training.", metavar="PATH")
]
SkipBadRows = Annotated[
    bool, typer.Option("--skip-bad-rows", help="Leave out and count broken rows instead of refusing the folder.")
]
Patience = Annotated[
    int,
    typer.Option(
        "--patience", min=1, help="Stop after this many epochs without a better validation NDCG@10.", metavar="N"
    ),
]
CoolDown = Annotated[
    int,
    typer.Option(
        "--cool-down",
        min=0,
        max=1000,
        help="Epochs after that, from the best weights, in which the learning rate falls to 0; none if --max-epochs "
        "are reached first.",
        metavar="N",
    ),
]
ItemKind = Annotated[
    Literal["shop", "video", "articles"] | None,
    typer.Option(
        "--kind", help="What the items are, for the words of the page. [default: decided by the facts of the items]"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
MAX_SEED = (1 << 32) - 1
"""Largest seed: NumPy's legacy generator, which libraries seed along with PyTorch's, takes 32 bits."""
Seed = Annotated[int, typer.Option("--seed", min=0, max=MAX_SEED, help="Random seed.", metavar="N")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue a run of the same settings that was interrupted.")]
