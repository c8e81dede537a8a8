"""The result of ``pocketrec recommend``, as JSON and as a table."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypedDict, Unpack

from rich.table import Table
from rich.text import Text

from edge_runtime.filters.conditions import Where
from edge_runtime.in_use import EngineStatus
from edge_runtime.recommendation import Recommendation
from edge_runtime.recommender import Recommender
from edge_runtime.terminal.console import Console
from edge_runtime.terminal.plain import about, plain

if TYPE_CHECKING:
    from edge_runtime.explainer import Reason
    from edge_runtime.list_text.writing import Piece

N_NAMED: Final = 5
"""Number of unknown ids that are listed with a suggestion."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A list of recommendations with its inputs.

    Attributes:
        bundle: name of the bundle.
        release: release of the bundle.
        engine: engine that computed the list.
        history: item ids of the history that are in the catalogue, oldest first.
        unknown: item ids of the history that are not in the catalogue.
        unknown_message: message about the unknown ids; empty if there are none.
        diversity: requested diversity, from 0 (precise) to 1 (diverse).
        items: recommended items, best first.
        facts: one line of facts for each item.
        reasons: one reason for each item, None where nothing can be said of it; or an empty tuple.
        latency_ms: time of the recommendation in milliseconds, without reasons.
    """

    bundle: str
    release: int
    engine: EngineStatus
    history: tuple[str, ...]
    unknown: tuple[str, ...]
    unknown_message: str
    diversity: float
    items: tuple[Recommendation, ...]
    facts: tuple[str, ...]
    reasons: "tuple[Reason | None, ...]"
    latency_ms: float


class Options(TypedDict):
    """The options of the list, as in :meth:`Recommender.recommend`."""

    k: int
    diversity: float
    candidates: Sequence[str] | None
    exclude: Sequence[str]
    where: Where | None
    include_seen: bool


def recommend_once(
    recommender: Recommender,
    known: Sequence[str],
    unknown: Sequence[str],
    *,
    language: str | None,
    **options: Unpack[Options],
) -> Answer:
    """Recommend items for a history of known ids, with reasons in a language, or without reasons if it is None."""
    items = tuple(recommender.recommend(history=known, **options))
    latency_ms = recommender.timings["recommend"]
    reasons = () if language is None else tuple(recommender.explain_list(items, history=known, language=language))
    return Answer(
        bundle=recommender.manifest.name,
        release=recommender.manifest.release,
        engine=recommender.engine,
        history=tuple(known),
        unknown=tuple(unknown),
        unknown_message=named(recommender, unknown),
        diversity=options["diversity"],
        items=items,
        facts=tuple(about(item.facts) for item in items),
        reasons=reasons,
        latency_ms=latency_ms,
    )


def named(recommender: Recommender, unknown: Sequence[str]) -> str:
    """Return a message that lists the first unknown ids, each with a suggestion."""
    sentences = [f"{item_id!r} is not in the catalogue.{recommender.hint(item_id)}" for item_id in unknown[:N_NAMED]]
    n_more = len(unknown) - len(sentences)
    return " ".join([*sentences, *([f"{n_more:,} more ids are not in the catalogue either."] if n_more else [])])


def listed(recommender: Recommender, unknown: Sequence[str]) -> str:
    """Return the first unknown ids as a list, and then the suggestions for them."""
    ids = [repr(item_id) for item_id in unknown[:N_NAMED]]
    n_more = len(unknown) - len(ids)
    listing = ", ".join([*ids, *([f"and {n_more:,} more"] if n_more else [])])
    return f"{listing}.{''.join(recommender.hint(item_id) for item_id in unknown[:N_NAMED])}"


def as_json(answer: Answer) -> dict[str, object]:
    """Return the result as JSON values."""
    items: list[dict[str, object]] = [
        {"rank": item.rank, "item_id": item.item_id, "title": item.title, "score": item.score} for item in answer.items
    ]
    for entry, reason in zip(items, answer.reasons, strict=False):
        if reason is None:
            continue
        entry |= {"reason": reason.text, "reason_source": reason.source}
        if reason.note:
            entry["reason_note"] = reason.note
    return {
        "bundle": answer.bundle,
        "release": answer.release,
        "engine": {
            "name": answer.engine.name,
            "precision": answer.engine.precision,
            "fallbacks": answer.engine.fallbacks,
        },
        "history": answer.history,
        "unknown": answer.unknown,
        "diversity": answer.diversity,
        "items": items,
        "latency_ms": answer.latency_ms,
    }


def show(answer: Answer, console: Console) -> None:
    """Print the result as a table."""
    _show_unknown(answer, console)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("#", justify="right")
    table.add_column("item")
    table.add_column("title", ratio=3)
    table.add_column("why" if answer.reasons else "about", ratio=3)
    for index, item in enumerate(answer.items):
        reason = answer.reasons[index] if answer.reasons else None
        text = answer.facts[index] if not answer.reasons else "" if reason is None else reason.text
        table.add_row(str(item.rank), plain(item.item_id), plain(item.title), plain(text))
    if answer.items:
        console.print(table)
    else:
        console.print("No item is left: every one is seen, excluded or outside the filter.")
    console.print(f"{answer.engine.name} {answer.engine.precision}, {answer.latency_ms:.2f} ms", style="dim")
    for note in dict.fromkeys(reason.note for reason in answer.reasons if reason and reason.note):
        console.print(Text(f"reasons from the template: {note}", style="dim"))
    for refusal in answer.engine.fallbacks:
        console.print(Text(f"not used: {refusal.engine} {refusal.precision}: {refusal.reason}", style="dim"))


def show_no_model(console: Console) -> None:
    """Print why a template writes a list text for a bundle without a language model."""
    text = (
        "The text comes from a template, because the bundle has no language model. To add one, export with "
        "--train-language-model."
    )
    console.print(text, style="dim", soft_wrap=True)


def show_text(answer: Answer, pieces: Iterable["Piece"], console: Console, *, follows_list: bool = False) -> None:
    """Print a list text while it is written.

    Args:
        answer: the list.
        pieces: the text.
        console: where to print it.
        follows_list: whether the list was printed before, with the unknown ids.
    """
    if follows_list:
        console.print()
    else:
        _show_unknown(answer, console)
    notes: dict[str, None] = {}
    for piece in pieces:
        console.print(Text(piece.text), end="", soft_wrap=True)
        if piece.note:
            notes[piece.note] = None
    for note in notes:
        console.print(Text(f"text from the template: {note}", style="dim"))


def text_as_json(pieces: Iterable["Piece"]) -> dict[str, object]:
    """Return a list text as JSON values, with who wrote how many of its characters."""
    written = list(pieces)
    lengths: Counter[str] = Counter()
    for piece in written:
        lengths[piece.source] += len(piece.text)
    result: dict[str, object] = {"text": "".join(piece.text for piece in written), "text_characters": dict(lengths)}
    notes = list(dict.fromkeys(piece.note for piece in written if piece.note))
    return result | ({"text_notes": notes} if notes else {})


def _show_unknown(answer: Answer, console: Console) -> None:
    if answer.unknown:
        console.print(f"Ignored: {answer.unknown_message}", style="yellow")
