"""``pocketrec export``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_runtime.terminal.out_folder import writable_folder
from export.commands.describing import BUILT_IN, complete_target
from train.options import AsJson, DataFolder, ItemKind, SkipBadRows

if TYPE_CHECKING:
    from edge_runtime.probe.target import Target

_Targets = Annotated[
    list[str],
    typer.Option(
        help=f"A built-in target ({', '.join(BUILT_IN)}), or a TOML file of your own; may be repeated.",
        metavar="TARGET",
        autocompletion=complete_target,
    ),
]
_LanguageModel = Annotated[
    str | None,
    typer.Option(
        help="Hugging Face id or folder of a model to fine-tune (Llama, Qwen2, Qwen3, Granite, Gemma 3 or LFM2), or a "
        "finished GGUF file, used as it is. Its licence must be stated. [default: none, or a small one with "
        "--train-language-model]",
        metavar="MODEL",
    ),
]
_AcceptedLicences = Annotated[
    list[str] | None,
    typer.Option(
        "--accept-licence",
        help="Accept a licence of the language model that is not permissive, by the name that it states, such as "
        "gemma; may be repeated. It is named in the bundle and its bill of materials.",
        metavar="NAME",
    ),
]
_CatalogueName = Annotated[
    str | None,
    typer.Option(
        help="Name of the catalogue, which devices follow. "
        "[default: that of the bundles in OUT, or of earlier exports of RUN; of the data folder for the first one]",
        metavar="NAME",
    ),
]
_Out = Annotated[
    Path,
    typer.Option(
        help="Folder for the bundles, one subfolder for each target.", callback=writable_folder, metavar="PATH"
    ),
]
_TrainLanguageModel = Annotated[
    bool,
    typer.Option(
        "--train-language-model",
        help="Train a small language model on the catalogue's facts (some minutes, 3 MB), which words reasons and list "
        "texts. Without a model, templates do.",
    ),
]
_TrainParser = Annotated[
    bool,
    typer.Option(
        "--train-parser",
        help="Train a language model, small or that of --language-model, for `pocketrec run --parser` too. It takes "
        "some minutes more, and parses no better than rules (docs/conversation.md).",
    ),
]
_ReleaseNumber = Annotated[
    int | None, typer.Option(min=1, help="Release number. [default: one more than the bundle in OUT]", metavar="N")
]
_After = Annotated[
    Path | None,
    typer.Option(
        help="Bundle that this one follows on devices. Its items must have the same rows here; its name is kept, and "
        "the release number is the next one.  [default: the bundle in OUT]",
        exists=True,
        file_okay=False,
        metavar="BUNDLE",
    ),
]
_Licences = Annotated[
    list[str] | None, typer.Option(help="Licence of the data or of a model inside; may be repeated.", metavar="LICENCE")
]
_Retired = Annotated[
    Path | None,
    typer.Option(
        help="File with the ids of items that can no longer be had, one a line: they are never recommended. "
        "Give it with every export.",
        exists=True,
        dir_okay=False,
        metavar="FILE",
    ),
]


def _check_options(language_model: str | None, train_language_model: bool, train_parser: bool) -> None:
    """Refuse options that contradict each other."""
    if language_model and train_language_model:
        raise typer.BadParameter("cannot be given with --language-model", param_hint="--train-language-model")
    if language_model and train_parser and language_model.endswith(".gguf"):
        raise typer.BadParameter("cannot be given with a finished GGUF file", param_hint="--train-parser")


def export(
    run: Annotated[Path, typer.Option(help="Folder of the student (`pocketrec distill`).", metavar="PATH")],
    data: DataFolder,
    target: _Targets,
    out: _Out,
    language_model: _LanguageModel = None,
    train_language_model: _TrainLanguageModel = False,
    train_parser: _TrainParser = False,
    accept_licence: _AcceptedLicences = None,
    after: _After = None,
    release: _ReleaseNumber = None,
    name: _CatalogueName = None,
    kind: ItemKind = None,
    licence: _Licences = None,
    retired: _Retired = None,
    skip_bad_rows: SkipBadRows = False,
    as_json: AsJson = False,
) -> None:
    """Export a student as one bundle for each target. Each is within its target's budgets.

    Finished parts are reused, and a bundle that would not change keeps its release number.

    Example: pocketrec export --run runs/student --data my-shop --target laptop-x86_64 --out bundles

    Example: pocketrec export --run runs/week-2-student --data my-shop --target laptop-x86_64 --after
    bundles/laptop-x86_64 --out bundles-2

    Example: pocketrec export --run runs/student --data my-shop --target laptop-x86_64 --language-model
    SmolLM2-135M-Instruct-Q4_K_M.gguf --out bundles
    """
    from edge_runtime.bundle import open_folder
    from edge_runtime.device_folder import current_bundle
    from export.bundle import Exporter, Release, export_all
    from export.language_model import is_finished, source_licences, writer_folder
    from export.naming import catalogue_name, comes_from_data, default_name, save_name, saved_name
    from export.show import print_exported, progress
    from train.data.folder import read_folder
    from train.data.kept_rows import saved_items
    from train.distill.student import load_student

    _check_options(language_model, train_language_model, train_parser)
    if accept_licence and not language_model:
        raise typer.BadParameter("needs --language-model, whose licence it accepts", param_hint="--accept-licence")
    targets = _read_targets(target)
    follows = None if after is None else open_folder(current_bundle(after))
    name = follows.manifest.name if name is None and follows is not None else name
    if language_model:
        source_licences(language_model, accept_licence or ())
    student, dataset = load_student(run), read_folder(data, earlier=saved_items(run), skip_bad_rows=skip_bad_rows)
    for one in targets:  # a name that is refused is refused before the work
        catalogue_name(out, one.name, requested=name, default=default_name(run, dataset.name))
    from_data = comes_from_data(out, run, name)
    writer: Path | None = None
    if (language_model or train_language_model or train_parser) and any(one.language_model for one in targets):
        if language_model and is_finished(language_model):
            writer = Path(language_model)
        else:
            writer = writer_folder(dataset, run, language_model, parses=train_parser, shown=not as_json)
    with progress() as tell:
        exporter = Exporter(student, dataset, out, writer=writer, accepted_licences=accept_licence or (), progress=tell)
        described = Release(
            number=release,
            licences=tuple(licence or ()),
            name=name,
            kind=kind,
            retired=_read_ids(retired) if retired else (),
            after=follows,
        )
        exported = export_all(exporter, targets, described)
    if name is not None or saved_name(run) is None:
        save_name(run, exported[0].manifest.name)
    skip = ["--skip-bad-rows"] if skip_bad_rows else []
    print_exported(exported, ["--data", str(data), *skip], name_from_data=from_data, as_json=as_json)


def _read_ids(path: Path) -> tuple[str, ...]:
    """Return the ids in a file, one a line; empty lines are skipped.

    Raises:
        DataError: the file is not text.
    """
    from train.errors import DataError

    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: found bytes that are not UTF-8 text, expected item ids, one a line.") from error
    return tuple(line.strip() for line in lines if line.strip())


def _read_targets(names: list[str]) -> "list[Target]":
    from edge_runtime.errors import TargetError
    from export.target import read_target

    try:
        return [read_target(name) for name in dict.fromkeys(names)]
    except TargetError as error:
        raise typer.BadParameter(str(error), param_hint="--target") from error
