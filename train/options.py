"""Command-line options that several commands of ``train`` share."""

from pathlib import Path
from typing import Annotated

import typer

DataFolder = Annotated[Path, typer.Option("--data", help="Folder with interactions and items (see `pocketrec check`).")]
RunOption = Annotated[
    Path, typer.Option("--run", help="Folder of a finished `train`, `distill` or `compare` training.")
]
SkipBadRows = Annotated[bool, typer.Option("--skip-bad-rows", help="Leave out what `pocketrec check` complains of.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Seed = Annotated[int, typer.Option(min=0, help="Random seed.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue a run of the same settings that was interrupted.")]
