"""The interactive session, driven by typed lines."""

import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from edge_runtime import Recommender
from edge_runtime.bundle.items import Field, Items, dump_items
from edge_runtime.terminal.console import Console
from edge_runtime.terminal.screen import Screen, ago, movement
from edge_runtime.terminal.session import Session
from tests.tiny_bundle import make_tiny_bundle


class Typed:
    """Lines as a person would type them; a `KeyboardInterrupt` among them is Ctrl-C."""

    echoes = True

    def __init__(self, lines: Iterable[str | type[BaseException]]) -> None:
        self._lines: Iterator[str | type[BaseException]] = iter(lines)

    def ask(self, prompt: str) -> str | None:
        line = next(self._lines, None)
        if line is None or isinstance(line, str):
            return line
        raise line


class Visit:
    """A session over a bundle; ``type`` returns what appeared on the screen."""

    def __init__(self, bundle: Path, state: Path | None = None) -> None:
        self.recommender = Recommender.open(bundle, state)

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_: object) -> None:
        self.recommender.close()

    def type(self, *lines: str | type[BaseException]) -> str:
        screen = io.StringIO()
        console = Console(file=screen, width=100)
        Session(self.recommender, Typed(lines), Screen(console), Path("state.sqlite")).run()
        return screen.getvalue()


@pytest.fixture
def visit(bundle: Path) -> Iterator[Visit]:
    with Visit(bundle) as visit:
        yield visit


def test_a_session_starts_with_a_list_and_names_the_state_file(visit: Visit) -> None:
    said = visit.type("quit")

    assert "tiny shop, release 1, 40 items" in said
    assert "no network" in said
    assert "nothing is known of you yet" in said
    assert "0 events kept in state.sqlite" in said


def test_a_like_changes_the_list(visit: Visit) -> None:
    said = visit.type("rose hand cream", "like 1")

    found = re.search(r"found for 'rose hand cream'\s+1\s+(\S+ rose hand cream (\d+)) ", said)
    assert found is not None
    name, number = found.groups()
    assert f"liked: {name}\n" in said
    assert "recommended for you" in said
    assert "new" in said
    assert "▲" in said or "▼" in said
    assert [(event.item_id, event.event) for event in visit.recommender.history()] == [(f"item-{number}", "like")]


@pytest.mark.parametrize(
    ("line", "event"),
    [("2", "click"), ("open 2", "click"), ("buy 2", "purchase"), ("dislike 2", "dislike"), ("LIKE 2", "like")],
)
def test_an_event_is_recorded_for_the_numbered_item(visit: Visit, line: str, event: str) -> None:
    second = visit.recommender.recommend(2)[1].item_id

    visit.type(line)

    assert [(one.item_id, one.event) for one in visit.recommender.history()] == [(second, event)]


def test_a_disliked_item_disappears(visit: Visit) -> None:
    first = visit.recommender.recommend(1)[0]

    said = visit.type("dislike 1")

    assert f"hid: {first.title}" in said
    assert said.rpartition("what most people")[2].count(first.title) == 0


def test_why_prints_a_reason_and_its_source(visit: Visit) -> None:
    said = visit.type("like 1", "why 2")

    assert "worded by the template" in said


def test_events_of_the_history_can_be_removed(visit: Visit) -> None:
    said = visit.type("like 1", "dislike 1", "history", "remove 2", "undo")

    assert "just now" in said
    assert "taken back: liked" in said
    assert "taken back: hid" in said
    assert visit.recommender.history() == []


def test_forget_needs_confirmation(visit: Visit) -> None:
    visit.type("like 1", "forget")
    assert len(visit.recommender.history()) == 1

    said = visit.type("forget yes")

    assert "Forgotten" in said
    assert visit.recommender.history() == []


def test_engine_prints_the_self_test(visit: Visit) -> None:
    assert "6 golden sequences" in visit.type("engine")


def test_help_lists_every_command(visit: Visit) -> None:
    said = visit.type("help")

    for word in (
        "search",
        "like 3",
        "why 3",
        "list 20",
        "variety",
        "history",
        "undo",
        "remove",
        "forget",
        "engine",
        "quit",
    ):
        assert word in said


def test_list_takes_a_length(visit: Visit) -> None:
    assert "\n 25 " in visit.type("list 25")


def test_the_list_can_be_made_more_varied_and_precise_again(visit: Visit) -> None:
    said = visit.type("like 1", "variety 0.9", "variety", "variety 0", "variety")
    precise, varied, *_ = [part.split("\n")[1:11] for part in said.split("recommended for you")[1:]]

    assert precise[0].split()[1:] != varied[0].split()
    assert "variety 0.9, " in said
    assert "Variety is 0.9;" in said
    assert "Variety is 0;" in said


def test_automatic_variety_follows_the_feedback(visit: Visit) -> None:
    said = visit.type("variety auto", "dislike 1", "variety")

    assert "variety 0.10 (auto), " in said
    assert "Variety is 0.29 (auto);" in said


def test_words_that_start_like_a_command_are_a_search(visit: Visit) -> None:
    said = visit.type("list of soap")

    assert "found for 'list of soap'" in said
    assert "found for 'variety soap'" in visit.type("variety soap")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("99", "the items 1 to 10, not 99"),
        ("0", "`open` takes one whole number from 1 to 999,999; found '0'"),
        ("like", "which one"),
        ("like 3 5", "`like` takes one whole number from 1 to 999,999; found '3 5'"),
        ("buy yes", "`buy` takes one whole number"),
        ("like -1", "`like` takes one whole number"),
        ("undo 5", "`undo` takes nothing after it: it takes back the newest event, and `remove 2` line 2"),
        ("undo 5", "To search for these words type `search undo 5`"),
        ("list yes", "`list` takes one whole number from 1 to 100; found 'yes'"),
        ("list 0", "`list` takes one whole number from 1 to 100; found '0'"),
        ("list 101", "found '101'"),
        ("list 20 30", "found '20 30'"),
        ("list 2.5", "found '2.5'"),
        ("why yes", "`why` takes one whole number"),
        ("history auto", "`history` takes one whole number"),
        ("history 0", "`history` takes one whole number"),
        ("forget 5", "`forget` takes nothing after it, or `yes`; found '5'"),
        ("forget yes 1", "`forget` takes nothing after it, or `yes`"),
        ("engine 1", "`engine` takes nothing after it; found '1'"),
        ("help yes", "`help` takes nothing after it; found 'yes'"),
        ("variety yes", "`variety` takes one number from 0 (precise) to 1 (varied), or `auto`; found 'yes'"),
        ("variety -1", "`variety` takes one number"),
        ("variety 0.5 0.6", "found '0.5 0.6'"),
        ("remove 1", "look at your `history` first"),
        ("undo", "nothing to take back"),
        ("history", "Nothing yet"),
        ("variety 3", "between 0 (precise) and 1 (varied)"),
        ("zzzzqqqq", "Nothing is called"),
    ],
)
def test_an_invalid_line_prints_an_error(visit: Visit, line: str, answer: str) -> None:
    assert answer in visit.type(line)


def test_an_invalid_line_changes_nothing(visit: Visit) -> None:
    said = visit.type("like 1", "history", "undo 5", "remove 1 2", "remove yes", "remove", "forget 1", "like 1 2")

    assert said.count("; found ") == 6
    assert len(visit.recommender.history()) == 1


@pytest.mark.parametrize("line", ["", "   ", "²", "9" * 40, "like " + "9" * 40, "[bold]", "\x1b[2J", "'; DROP TABLE--"])
def test_no_line_ends_the_session(visit: Visit, line: str) -> None:
    said = visit.type(line, "help")

    assert "leave; nothing needs to be saved" in said


@pytest.mark.parametrize("end", ["quit", "exit", "q", None, KeyboardInterrupt])
def test_every_way_to_quit_ends_cleanly(visit: Visit, end: str | type[BaseException] | None) -> None:
    said = visit.type("like 1", *([end] if end else []))

    assert "1 event kept" in said


def test_events_of_removed_items_are_still_shown(visit: Visit) -> None:
    visit.recommender.observe("long-gone")

    assert "long-gone (not in this bundle)" in visit.type("history")


def test_a_title_cannot_control_the_terminal(tmp_path: Path) -> None:
    titles = ["\x1b[2J[red]evil[/red]\r\nsecond line", *(f"soap {row}" for row in range(39))]
    items = Items([f"item-{row}" for row in range(40)], titles, {"brand": Field(["\x1b]0;x\x07"], [[0]] * 40)})
    make_tiny_bundle(tmp_path / "b", extra={"items.json.z": ("items", dump_items(items))})

    with Visit(tmp_path / "b") as visit:
        said = visit.type("evil", "like 1", "history", "why 1", "list 40")

    assert "[red]evil[/red]" in said
    assert "\x1b" not in said
    assert "\x07" not in said


def test_movement_is_shown_as_a_sign_and_a_number() -> None:
    signs = [movement(3, before, is_first=False).plain for before in (None, 3, 5, 1)]

    assert signs == ["new", "=", "▲2", "▼2"]
    assert movement(3, None, is_first=True).plain == ""


@pytest.mark.parametrize(
    ("seconds", "told"), [(-5, "just now"), (59, "just now"), (60, "1 min ago"), (7200, "2 h ago"), (90_000, "1 d ago")]
)
def test_durations_are_shown_in_one_unit(seconds: float, told: str) -> None:
    assert ago(seconds) == told
