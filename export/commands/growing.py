"""``pocketrec add-items``."""

from pathlib import Path
from typing import Annotated

import typer

from edge_runtime.terminal.out_folder import writable_folder
from train.options import AsJson, DataFolder, SkipBadRows


def add_items(
    bundle: Annotated[
        Path, typer.Argument(help="Folder with manifest.json, or one filled by `pocketrec sync`.", metavar="BUNDLE")
    ],
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="Folder for the new bundle.", callback=writable_folder, metavar="PATH")],
    text: Annotated[
        str, typer.Option(help="Text features: hashed, minilm, or a Hugging Face id or folder.", metavar="MODEL")
    ] = "hashed",
    follows: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="How often a new item follows others, relative to the items like it; 0 for never.",
            metavar="SHARE",
        ),
    ] = 0.25,
    skip_bad_rows: SkipBadRows = False,
    as_json: AsJson = False,
) -> None:
    """Add new items to a bundle, without training.

    The new items of a data folder come after those that are there; the result is the next release of the bundle.

    New items get codes and transitions from the known items with the nearest texts, until the next training. Known
    items keep their rows and their codes, so that devices fetch little more than the new items. Events are not used.

    Example: pocketrec add-items releases/1/laptop-x86_64 --data my-shop --out releases/2/laptop-x86_64
    """
    from datetime import UTC, datetime

    from edge_runtime.bundle import open_folder, write_folder
    from edge_runtime.device_folder import current_bundle
    from export.added_items import add_items as added
    from export.added_items import text_vectors
    from export.self_tests import check_engines
    from export.show import print_added, progress
    from train.data.folder import read_folder
    from train.data.kept_rows import bundle_items

    folder = open_folder(current_bundle(bundle))
    if out.exists() and any(out.iterdir()):
        raise typer.BadParameter(f"{out} is not empty. Choose another folder.", param_hint="--out")
    with progress() as tell:
        tell("reading the data")
        dataset = read_folder(data, earlier=bundle_items(folder), skip_bad_rows=skip_bad_rows)
        tell("reading the texts")
        vectors = text_vectors(dataset.catalogue, text)
        tell("adding the items")
        grown = added(folder, dataset, vectors, share=follows, created=datetime.now(UTC))
        manifest = write_folder(out, grown.manifest, grown.files, check=check_engines)
    print_added(folder.manifest, manifest, out, grown.n_new, grown.n_without_text, as_json=as_json)
