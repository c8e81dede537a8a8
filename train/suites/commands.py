"""The command ``pocketrec compare``."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from train.full_model.choices import BackboneName, SuiteName
from train.options import MAX_SEED, AsJson, CoolDown, DataFolder, Patience, SkipBadRows

if TYPE_CHECKING:
    from train.suites.table import SuiteTable

_Rows = Annotated[
    list[str] | None, typer.Option(help="Train only this row, such as 'sage [new items]'; repeatable.", metavar="ROW")
]
_Seeds = Annotated[
    str, typer.Option(help="Comma-separated random seeds; every variant is trained with each.", metavar="N,N")
]
_Budget = Annotated[
    float | None,
    typer.Option(min=0, help="Start no training after this many seconds; 0 only prints results.", metavar="X"),
]
_LanguageModels = Annotated[
    list[str] | None,
    typer.Option(help="Language model for CoCo to fine-tune: an id or folder; repeatable.", metavar="MODEL"),
]


def compare(
    suite: Annotated[SuiteName, typer.Argument(help="System to compare, or all of them.", metavar="SUITE")],
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="Output folder; continued if it exists.", file_okay=False, metavar="PATH")],
    only: _Rows = None,
    seeds: _Seeds = "0,1,2",
    backbone: Annotated[BackboneName, typer.Option(help="Backbone of every variant.")] = "sasrec",
    max_epochs: Annotated[
        int, typer.Option(min=1, help="Maximum number of epochs of each training.", metavar="N")
    ] = 100,
    patience: Patience = 5,
    cool_down: CoolDown = 0,
    users: Annotated[
        int | None, typer.Option(min=1, help="Use a random sample of this many users.", metavar="N")
    ] = None,
    budget: _Budget = None,
    text: Annotated[str, typer.Option(help="Text features, as for `pocketrec train`.", metavar="MODEL")] = "hashed",
    image: Annotated[str, typer.Option(help="Image features, as for `pocketrec train`.", metavar="MODEL")] = "colour",
    language_model: _LanguageModels = None,
    skip_bad_rows: SkipBadRows = False,
    as_json: AsJson = False,
) -> None:
    """Compare a system with its ablations and the backbone. All are trained, and compared with significance tests.

    This takes hours. It can be interrupted with Ctrl-C and continued with the same command, losing at most one epoch.
    Several processes with the same command share the work; on a small machine, two with OMP_NUM_THREADS=1 are faster
    than one with two threads.

    Example: pocketrec compare corec --data my-shop --out runs/corec --seeds 0,1,2
    """
    from train.data.folder import read_folder
    from train.items.extractors import ExtractorConfig
    from train.suites.origin import Origin
    from train.suites.run import run_suite
    from train.suites.suites import SuiteOptions

    options = SuiteOptions(
        backbone=backbone,
        seeds=_seeds(seeds),
        max_epochs=max_epochs,
        patience=patience,
        cool_down_epochs=cool_down,
        n_users=users,
        extractors=ExtractorConfig(text=text, image=image),
        language_models=tuple(language_model or ()),
    )
    dataset = read_folder(data, skip_bad_rows=skip_bad_rows)
    origin = Origin.of_this_process()
    table = run_suite(suite, dataset, out, options, only=tuple(only or ()), budget_s=budget, origin=origin)
    _print(table, origin.command, as_json=as_json)


def _print(table: "SuiteTable", command: str, *, as_json: bool) -> None:
    import msgspec

    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import print_result
    from train.suites.printing import suite_tables
    from train.wide_table import print_wide

    if as_json:
        print_result({"command": command} | msgspec.to_builtins(table))
        return
    console = Console()
    for one in suite_tables(table):
        print_wide(console, one)


def _seeds(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    seeds = [int(part) for part in parts if re.fullmatch("[0-9]{1,10}", part) and int(part) <= MAX_SEED]
    if len(set(seeds)) != len(parts):
        raise typer.BadParameter(
            f"expected whole numbers from 0 to {MAX_SEED}, each once, such as 0,1,2, got {text!r}",
            param_hint="--seeds",
        )
    return tuple(seeds)
