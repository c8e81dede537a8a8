"""The device's commands: ``inspect``, ``doctor``, ``recommend``, ``run``."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from edge_runtime.errors import BundleError, UnknownItemError

if TYPE_CHECKING:
    from edge_runtime.recommender import Recommender

Bundle = Annotated[
    Path,
    typer.Argument(help="The folder with manifest.json, or the folder that `pocketrec sync` fills.", metavar="BUNDLE"),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def _not_empty(path: str) -> Path:
    if not path:
        raise typer.BadParameter("the path is empty. Give a file, or leave the option out.")
    return Path(path)


def _conditions(conditions: list[str] | None) -> list[str] | None:
    from edge_runtime.views.where import parse_where

    try:
        parse_where(conditions or [])
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return conditions


def inspect(bundle: Bundle, as_json: Json = False) -> None:
    """Show and check a bundle, and try its engines here. Every byte is checked.

    Exit code 1 if a file is damaged.

    Example: pocketrec inspect build/demo/bundles/laptop-x86_64
    """
    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import fail, print_result
    from edge_runtime.views import inspection

    found = inspection.inspect_bundle(bundle)
    if not as_json:
        inspection.show(found, Console())
    if found.damage:
        error = BundleError("\n       ".join(found.damage.values()))
        fail(error, as_json=as_json, result=inspection.as_json(found))
    if as_json:
        print_result(inspection.as_json(found))


def doctor(
    bundle: Annotated[
        Path | None,
        typer.Argument(
            help="The folder with manifest.json, or the folder that `pocketrec sync` fills. [default: a tiny built-in "
            "encoder, which tests the installed engines]",
            metavar="BUNDLE",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Look for what is wrong with the engines here. It prints what to do, one line each.

    Every engine is opened and tested with the golden vectors of the bundle, or of a tiny built-in encoder, and ONNX
    Runtime is asked where its operators really run. Exit code 1 if there is a fault; an engine that is not installed is
    none.

    Example: pocketrec doctor build/demo/bundles/laptop-x86_64
    """
    from edge_runtime.doctor import examine
    from edge_runtime.errors import EngineError
    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import fail, print_result

    findings = examine(bundle)
    faults = [f"{each.subject}: {each.text}" for each in findings if each.state == "fault"]
    if not as_json:
        console = Console()
        for each in findings:
            fix = f". Fix: {each.fix}" if each.fix else ""
            console.print(f"{each.state:5} {each.subject}: {each.text}{fix}", soft_wrap=True)
    result = {"bundle": None if bundle is None else str(bundle), "findings": findings}
    if faults:
        fail(EngineError(f"{'; '.join(faults)}."), as_json=as_json, result=result)
    if as_json:
        print_result(result)


_History = Annotated[
    list[str] | None, typer.Option(help="Comma-separated item ids, oldest first; may be repeated.", metavar="ID,ID")
]
_NumberOfItems = Annotated[int, typer.Option("--k", "-k", min=1, help="Number of items.", metavar="N")]
_Share = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Share of the most precise list that is replaced by different items, 0 to 1.",
        metavar="X",
    ),
]
_Conditions = Annotated[
    list[str] | None,
    typer.Option(
        callback=_conditions,
        help="Only items with this fact: brand=Aster, 'brand=Aster|Birch', 'brand!=Elm', 'price<20'. May be "
        "repeated; all must hold.",
        metavar="CONDITION",
    ),
]
_Candidates = Annotated[
    list[str] | None, typer.Option(help="Choose among these item ids only; may be repeated.", metavar="ID,ID")
]
_Excluded = Annotated[
    list[str] | None, typer.Option(help="Leave these item ids out; may be repeated.", metavar="ID,ID")
]
_IncludeSeen = Annotated[bool, typer.Option("--include-seen", help="Keep the items of the history in the list.")]


def recommend(
    bundle: Bundle,
    history: _History = None,
    k: _NumberOfItems = 10,
    diversity: _Share = 0.0,
    where: _Conditions = None,
    candidates: _Candidates = None,
    exclude: _Excluded = None,
    include_seen: _IncludeSeen = False,
    explain: Annotated[bool, typer.Option("--explain", help="Add a reason for each item.")] = False,
    as_text: Annotated[
        bool, typer.Option("--as-text", help="Write the list as one text, with an opening and reasons.")
    ] = False,
    language: Annotated[
        Literal["en", "de", "fr", "es", "zh"],
        typer.Option(help="Language of the reasons and of the text; the catalogue's own words stay as they are."),
    ] = "en",
    as_json: Json = False,
) -> None:
    """Recommend once, for a given history. Nothing is recorded.

    Ids that the catalogue lacks are left out with a warning; if it has none of them, nothing is recommended.
    Without a history the most popular items come. With both --explain and --as-text, the text follows the list.

    Example: pocketrec recommend build/demo/bundles/laptop-x86_64 --history flask-02,tea-05 --where 'price<20' --explain
    """
    from edge_runtime.recommender import Recommender
    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import print_result
    from edge_runtime.views import answer
    from edge_runtime.views.where import check_values, parse_where

    with Recommender.open(bundle, language_model=explain or as_text) as recommender:
        known, unknown = _known_ids(recommender, "history", history or [])
        chosen, unknown_candidates = _known_ids(recommender, "candidates", candidates or [])
        left_out, unknown_excluded = _known_ids(recommender, "exclude", exclude or [])
        conditions = parse_where(where or [])
        check_values(conditions, recommender.items)
        found = answer.recommend_once(
            recommender,
            known,
            [*unknown, *unknown_candidates, *unknown_excluded],
            language=language if explain else None,
            k=k,
            diversity=diversity,
            candidates=chosen if candidates else None,
            exclude=left_out,
            where=conditions or None,
            include_seen=include_seen,
        )
        has_text = as_text and bool(found.items)
        pieces = recommender.write_list(found.items, history=known, language=language) if has_text else iter(())
        if has_text and recommender.manifest.language_model is None:
            answer.show_no_model(Console(stderr=True))
        if as_json:
            print_result(answer.as_json(found) | (answer.text_as_json(pieces) if as_text else {}))
            return
        if explain or not has_text:
            answer.show(found, Console())
        if has_text:
            answer.show_text(found, pieces, Console(), follows_list=explain)


# Options of earlier versions.
recommend.renamed_options = {"--variety": "--diversity"}  # type: ignore[attr-defined]


_NO_PARSING_MODEL: Final = "this bundle has no language model that was trained to parse sentences"


def run(
    bundle: Bundle,
    state: Annotated[
        Path | None,
        typer.Option(
            parser=_not_empty,
            metavar="PATH",
            help="File of the history. [default: one for each catalogue, in the user's state folder]",
        ),
    ] = None,
    language_model: Annotated[bool, typer.Option(help="Let the language model of the bundle word the reasons.")] = True,
    language: Annotated[
        Literal["en", "de", "fr", "es", "zh"],
        typer.Option(help="Language of your sentences, of the answers to them and of the reasons."),
    ] = "en",
    parser: Annotated[
        Literal["rules", "model", "both"],
        typer.Option(help="What parses English sentences: rules, a language model that was trained for it, or both."),
    ] = "rules",
) -> None:
    """Try a bundle in an interactive session. Search items, mark them, watch the list move, ask why. Needs no network.

    Type words to search, a number to open an item of the list, or what you want, such as "cheaper" or "not that
    brand"; `help` for the rest. What you do stays in one file
    on this device; `forget` deletes it.

    Example: pocketrec run build/demo/bundles/laptop-x86_64
    """
    from edge_runtime.bundle import open_folder
    from edge_runtime.device_folder import current_bundle
    from edge_runtime.recommender import Recommender
    from edge_runtime.state.place import default_state
    from edge_runtime.terminal.console import Console
    from edge_runtime.views.prompt import Prompt
    from edge_runtime.views.screen import Screen
    from edge_runtime.views.session import Session

    name = open_folder(current_bundle(bundle)).manifest.name
    place = state or default_state(name, os.environ)
    with Recommender.open(bundle, place, language_model=language_model, parser=parser) as recommender:
        screen = Screen(Console())
        if parser != "rules" and not recommender.parses_with_model:
            missing = "the language model is switched off" if not language_model else _NO_PARSING_MODEL
            screen.print(f"`--parser {parser}` has no effect: {missing}. Rules parse your sentences.", "yellow")
        Session(recommender, Prompt.of(sys.stdin), screen, place, language=language).run()


def _known_ids(recommender: "Recommender", what: str, words: list[str]) -> tuple[list[str], list[str]]:
    """Return the ids that the catalogue has, and those that it has not; an id may itself hold a comma.

    Raises:
        UnknownItemError: it has none of them, and they are not merely to be excluded.
    """
    from edge_runtime.views import answer

    ids = [one for part in words for one in ([part] if recommender.knows(part) else part.split(","))]
    ids = [one.strip() for one in ids if one.strip()]
    known = [one for one in ids if recommender.knows(one)]
    unknown = [one for one in ids if not recommender.knows(one)]
    if unknown and not known and what != "exclude":
        named = "the history's ids" if what == "history" else f"the ids of --{what}"
        raise UnknownItemError(f"none of {named} are in the catalogue: {answer.listed(recommender, unknown)}")
    return known, unknown
