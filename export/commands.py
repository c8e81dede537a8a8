"""``pocketrec targets``, ``export``, ``verify`` and ``diff``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_runtime.terminal.out_folder import writable_folder
from train.options import AsJson, DataFolder, ItemKind, SkipBadRows

if TYPE_CHECKING:
    from edge_runtime.probe.target import Target
    from export.verify import Verification

_BUILT_IN = sorted(path.stem for path in Path(__file__).with_name("targets").glob("*.toml"))


def _complete_target(incomplete: str) -> list[str]:
    return [name for name in _BUILT_IN if name.startswith(incomplete)]


_Targets = Annotated[
    list[str],
    typer.Option(
        help=f"A built-in target ({', '.join(_BUILT_IN)}), or a TOML file of your own; may be repeated.",
        metavar="TARGET",
        autocompletion=_complete_target,
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


def targets(
    target: Annotated[
        str | None,
        typer.Argument(
            help="A built-in target, or a TOML file of your own, to explain. [default: list the built-in ones]",
            metavar="TARGET",
            autocompletion=_complete_target,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the targets that bundles can be exported for. With a name or a file it explains that target.

    A target is a TOML file with engines, language model and budgets; an invalid file is refused with the line.

    Example: pocketrec targets raspberry-pi-5
    """
    from export.show_targets import print_target, print_targets
    from export.target import known_targets, read_target

    if target is None:
        print_targets([read_target(name) for name in known_targets()], as_json=as_json)
    else:
        print_target(read_target(target), as_json=as_json)


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


def verify(
    bundle: Annotated[
        Path, typer.Argument(help="Folder with manifest.json, or one filled by `pocketrec sync`.", metavar="BUNDLE")
    ],
    data: DataFolder,
    run: Annotated[
        list[Path] | None,
        typer.Option(
            help="Student or full model that the bundle was made from. It must not rank better on the same users than "
            "its margin allows, in any segment; may be repeated.",
            metavar="PATH",
        ),
    ] = None,
    users: Annotated[
        int | None,
        typer.Option(min=1, help="Number of test users, a random sample. [default: all, up to 50,000]", metavar="N"),
    ] = None,
    skip_bad_rows: SkipBadRows = False,
    as_json: AsJson = False,
) -> None:
    """Verify a bundle with the device's own runtime. It checks digests, engines, accuracy, reasons and sizes.

    Every engine of the bundle that is installed here must pass the self-test and recommend the same lists. Metrics rank
    the whole catalogue with the history excluded, and ties count against the model. With --run the bundle must not be
    worse than its models, over all users and in each segment, by the margins of docs/verification.md. Exit code 1 if a
    check fails. Budgets of time and memory are checked by `pocketrec profile`, on a machine of the target.

    Example: pocketrec verify bundles/laptop-x86_64 --data my-shop --run runs/student --run runs/teacher
    """
    from edge_runtime.bundle import open_folder
    from edge_runtime.device_folder import current_bundle
    from edge_runtime.errors import PocketRecError
    from edge_runtime.terminal.outcome import fail
    from export.errors import BudgetError, ParityError
    from export.show import print_verification, progress
    from export.verify import verify_bundle
    from train.data.folder import read_folder
    from train.data.kept_rows import bundle_items
    from train.loop.runs import RunFolder

    folder = open_folder(current_bundle(bundle))  # wrong folders are refused before the data is read
    runs = run or []
    for one in runs:
        RunFolder(one).about()
    with progress() as tell:
        tell("reading the data")
        dataset = read_folder(data, earlier=bundle_items(folder), skip_bad_rows=skip_bad_rows)
        tell("ranking with every engine")
        found = verify_bundle(bundle, dataset, n_users=users, runs=runs)
    print_verification(found, as_json=as_json)
    error: PocketRecError | None = None
    if found.parity_failures:
        failed = "".join(f"\n- {failure}" for failure in found.parity_failures)
        error = ParityError(f"{bundle}: failed these checks. Do not ship it; {_advice(found)}.{failed}")
    elif found.budget_failures:
        error = BudgetError("\n".join(found.budget_failures))
    if error is not None:
        fail(error, as_json=as_json, result=found)


def _advice(found: "Verification") -> str:
    """Return what to do about a bundle that failed."""
    if any(one.subject == "student" and one.is_worse for one in found.compared):
        return (
            "the student loses as much, so exporting again is of no use. Distil it for more epochs or with a larger "
            "--ranking-budget, or export for a target with transitions"
        )
    return "export again"


def diff(
    before: Annotated[Path, typer.Argument(help="Folder of the bundle from before.", metavar="BEFORE")],
    after: Annotated[Path, typer.Argument(help="Folder of the bundle that is to replace it.", metavar="AFTER")],
    data: Annotated[
        Path | None,
        typer.Option(help="Data folder, for whose users the lists of both are compared.", metavar="PATH"),
    ] = None,
    users: Annotated[
        int | None, typer.Option(min=1, help="Number of test users, a random sample. [default: all]", metavar="N")
    ] = None,
    skip_bad_rows: SkipBadRows = False,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two bundles. It compares manifests, files, items, and with --data their lists.

    The churn is the share of the first bundle's ten best items that the second does not show to the same user. The
    catalogues may differ; users whose next item one of the bundles lacks are left out.

    Example: pocketrec diff releases/6/laptop-x86_64 bundles/laptop-x86_64 --data my-shop
    """
    from edge_runtime.bundle import open_folder
    from edge_runtime.contents import open_contents
    from edge_runtime.device_folder import current_bundle
    from export.difference import compare_bundles
    from export.show import progress
    from export.show_difference import print_difference
    from train.data.folder import read_folder

    first, second = (open_folder(current_bundle(path)) for path in (before, after))
    with progress() as tell:
        tell("reading the bundles")
        old, new = open_contents(first), open_contents(second)
        dataset = None
        if data is not None:
            tell("reading the data")
            dataset = read_folder(data, skip_bad_rows=skip_bad_rows)
            tell("ranking with both bundles")
        found = compare_bundles(old, new, dataset, users)
    print_difference(found, as_json=as_json)
