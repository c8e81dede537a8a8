"""The interactive session, driven by input lines."""

import io
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest

from edge_runtime import Recommender
from edge_runtime.bundle.items import Field, Items, dump_items
from edge_runtime.bundle.manifest import dump_manifest, parse_manifest
from edge_runtime.state.history import Event
from edge_runtime.terminal.console import Console
from edge_runtime.views.screen import Screen, ago, done_sign, movement
from edge_runtime.views.session import Session
from tests.tiny_bundle import make_tiny_bundle


class Typed:
    """Input lines as typed on a terminal; a `KeyboardInterrupt` among them is Ctrl-C."""

    echoes = True

    def __init__(self, lines: Iterable[str | type[BaseException]]) -> None:
        self._lines: Iterator[str | type[BaseException]] = iter(lines)

    def read(self, prompt: str) -> str | None:
        line = next(self._lines, None)
        if line is None or isinstance(line, str):
            return line
        raise line


class SessionHarness:
    """A session over a bundle; ``type`` returns the output."""

    def __init__(self, bundle: Path, state: Path | None = None) -> None:
        self.recommender = Recommender.open(bundle, state)

    def __enter__(self) -> "SessionHarness":
        return self

    def __exit__(self, *_: object) -> None:
        self.recommender.close()

    def type(self, *lines: str | type[BaseException]) -> str:
        screen = io.StringIO()
        console = Console(file=screen, width=100)
        Session(self.recommender, Typed(lines), Screen(console), Path("state.sqlite")).run()
        return screen.getvalue()


@pytest.fixture
def session(bundle: Path) -> Iterator[SessionHarness]:
    with SessionHarness(bundle) as session:
        yield session


def test_a_session_starts_with_a_list_and_names_the_state_file(session: SessionHarness) -> None:
    output = session.type("quit")

    assert "tiny shop, release 1, 40 items" in output
    assert "no network" in output
    assert "your history is empty" in output
    assert "0 events saved in state.sqlite" in output


def test_a_like_changes_the_list(session: SessionHarness) -> None:
    output = session.type("rose hand cream", "like 1")

    found = re.search(r"results for 'rose hand cream'\s+1\s+(\S+ rose hand cream (\d+)) ", output)
    assert found is not None
    name, number = found.groups()
    assert f"liked: {name}\n" in output
    assert "recommended for you" in output
    assert "new" in output
    assert "▲" in output or "▼" in output
    assert [(event.item_id, event.event) for event in session.recommender.history()] == [(f"item-{number}", "like")]


@pytest.mark.parametrize(
    ("line", "event"),
    [("2", "click"), ("open 2", "click"), ("buy 2", "purchase"), ("dislike 2", "dislike"), ("LIKE 2", "like")],
)
def test_an_event_is_recorded_for_the_numbered_item(session: SessionHarness, line: str, event: str) -> None:
    second = session.recommender.recommend(2)[1].item_id

    session.type(line)

    assert [(one.item_id, one.event) for one in session.recommender.history()] == [(second, event)]


@pytest.mark.parametrize(
    ("kind", "line", "event", "other"),
    [
        ("video", "watch 2", "watch", "buy"),
        ("articles", "read 2", "read", "buy"),
        ("films", "buy 2", "purchase", "read"),
    ],
)
def test_what_is_bought_watched_or_read_follows_from_the_kind_of_the_catalogue(
    bundle: Path, tmp_path: Path, kind: str, line: str, event: str, other: str
) -> None:
    shutil.copytree(bundle, tmp_path / "bundle")
    manifest = tmp_path / "bundle" / "manifest.json"
    manifest.write_bytes(dump_manifest(msgspec.structs.replace(parse_manifest(manifest.read_bytes()), kind=kind)))

    with SessionHarness(tmp_path / "bundle") as session:
        output = session.type(line, "history", "help")

        assert [one.event for one in session.recommender.history()] == [event]
    assert f"like 3, {line.split()[0]} 3, dislike 3" in output
    assert f"{other} 3" not in output


def test_a_disliked_item_disappears(session: SessionHarness) -> None:
    first = session.recommender.recommend(1)[0]

    output = session.type("dislike 1")

    assert f"hid: {first.title}" in output
    assert output.rpartition("most popular items")[2].count(first.title) == 0


def test_no_command_reads_the_whole_history_to_print_a_part(
    session: SessionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = session.recommender.recommend(1)[0]
    session.recommender.observe(first.item_id, "like")
    newest = session.recommender.history

    def limited(limit: int | None = None) -> list[Event]:
        assert limit is not None
        return newest(limit)

    monkeypatch.setattr(session.recommender, "history", limited)
    output = session.type("list", first.title, "history", "undo", "forget", "list", "quit")

    assert "recommended for you" in output
    assert "deletes all 0 events" in output
    assert "most popular items (your history is empty)" in output
    assert "Bye. 0 events saved" in output


def test_a_search_marks_an_item_by_its_newest_event(session: SessionHarness) -> None:
    first = session.recommender.recommend(1)[0]
    session.recommender.observe(first.item_id, "like")
    session.recommender.observe(first.item_id, "dislike")

    results = session.type(first.title).partition("results for")[2]

    assert done_sign("dislike")[0] in results
    assert done_sign("like")[0] not in results


def test_dislikes_and_unknown_items_alone_leave_the_popular_list(session: SessionHarness) -> None:
    session.recommender.observe("of-another-bundle", "like")
    session.recommender.observe("item-1", "dislike")

    assert "most popular items (your history is empty)" in session.type("list")


def test_why_prints_a_reason_and_its_source(session: SessionHarness) -> None:
    output = session.type("like 1", "why 2")

    assert "written by the template" in output


def test_the_style_and_tone_of_reasons_that_were_chosen_become_the_default(session: SessionHarness) -> None:
    session.type("like 1", "why 2 short formal", "why 3 short")

    choices = session.recommender.reason_choices
    assert (choices.style, choices.tone) == ("short", "formal")
    plain, chosen = session.type("why 2"), session.type("why 2 short formal")
    assert plain.splitlines()[2] == chosen.splitlines()[2]


def test_events_of_the_history_can_be_removed(session: SessionHarness) -> None:
    output = session.type("like 1", "dislike 1", "history", "remove 2", "undo")

    assert "just now" in output
    assert "deleted: liked" in output
    assert "deleted: hid" in output
    assert session.recommender.history() == []


def test_forget_needs_confirmation(session: SessionHarness) -> None:
    session.type("like 1", "forget")
    assert len(session.recommender.history()) == 1

    output = session.type("forget yes")

    assert "no data about you is left" in output
    assert session.recommender.history() == []


def test_engine_prints_the_self_test(session: SessionHarness) -> None:
    assert "6 golden sequences" in session.type("engine")


def test_help_lists_every_command(session: SessionHarness) -> None:
    output = session.type("help")

    for word in (
        "search",
        "like 3",
        "why 3",
        "list 20",
        "diversity",
        "history",
        "undo",
        "remove",
        "forget",
        "engine",
        "quit",
    ):
        assert word in output


def test_list_takes_a_length(session: SessionHarness) -> None:
    assert "\n 25 " in session.type("list 25")


def test_the_list_can_be_made_more_diverse_and_precise_again(session: SessionHarness) -> None:
    output = session.type("like 1", "diversity 0.9", "diversity", "diversity 0", "diversity")
    precise, diverse, *_ = [part.split("\n")[1:11] for part in output.split("recommended for you")[1:]]

    assert precise[0].split()[1:] != diverse[0].split()
    assert "diversity 0.9, " in output
    assert "Diversity is 0.9;" in output
    assert "Diversity is 0;" in output


def test_automatic_diversity_follows_the_feedback(session: SessionHarness) -> None:
    output = session.type("diversity auto", "dislike 1", "diversity")

    assert "diversity 0.10 (auto), " in output
    assert "Diversity is 0.29 (auto);" in output


def test_words_that_start_like_a_command_are_a_search(session: SessionHarness) -> None:
    output = session.type("list of soap")

    assert "results for 'list of soap'" in output
    assert "results for 'diversity soap'" in session.type("diversity soap")


def test_a_search_uses_and_shows_the_first_200_characters_of_a_long_line(session: SessionHarness) -> None:
    output = session.type("x" * 100_000)

    assert f"Noitemmatches'{'x' * 200}'" in "".join(output.split())


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("99", "has items 1 to 10, not 99"),
        ("0", "`open` takes one whole number from 1 to 999,999; found '0'"),
        ("like", "needs the number of an item"),
        ("like 3 5", "`like` takes one whole number from 1 to 999,999; found '3 5'"),
        ("buy yes", "`buy` takes one whole number"),
        ("like -1", "`like` takes one whole number"),
        ("undo 5", "`undo` takes no argument: it takes back what came last, and `remove 2` deletes"),
        ("undo 5", "To search for these words type `search undo 5`"),
        ("list yes", "`list` takes one whole number from 1 to 100; found 'yes'"),
        ("list 0", "`list` takes one whole number from 1 to 100; found '0'"),
        ("list 101", "found '101'"),
        ("list 20 30", "found '20 30'"),
        ("list 2.5", "found '2.5'"),
        ("why yes", "`why` takes one whole number"),
        ("history auto", "`history` takes one whole number"),
        ("history 0", "`history` takes one whole number"),
        ("forget 5", "`forget` takes no argument, or `yes`; found '5'"),
        ("forget yes 1", "`forget` takes no argument, or `yes`"),
        ("engine 1", "`engine` takes no argument; found '1'"),
        ("help yes", "`help` takes no argument; found 'yes'"),
        ("diversity yes", "`diversity` takes one number from 0 (precise) to 1 (diverse), or `auto`; found 'yes'"),
        ("diversity nope", "`diversity` takes one number from 0 (precise) to 1 (diverse), or `auto`; found 'nope'"),
        ("like nope", "`like` takes one whole number"),
        ("undo the last one", "`undo` takes no argument: it takes back what came last"),
        ("forget all of it", "`forget` takes no argument, or `yes`"),
        ("search nope", "No item matches 'nope'"),
        ("diversity -1", "`diversity` takes one number"),
        ("diversity 0.5 0.6", "found '0.5 0.6'"),
        ("variety 0.5", "`variety` is now called `diversity`: type `diversity 0.5`."),
        ("remove 1", "show your `history` first"),
        ("undo", "there is nothing to take back"),
        ("history", "The history is empty"),
        ("diversity 3", "between 0 (precise) and 1 (diverse)"),
        ("zzzzqqqq", "No item matches"),
    ],
)
def test_an_invalid_line_prints_an_error(session: SessionHarness, line: str, answer: str) -> None:
    assert answer in session.type(line)


def test_an_invalid_line_changes_nothing(session: SessionHarness) -> None:
    output = session.type("like 1", "history", "undo 5", "remove 1 2", "remove yes", "remove", "forget 1", "like 1 2")

    assert " ".join(output.split()).count("; found ") == 6
    assert len(session.recommender.history()) == 1


@pytest.mark.parametrize("line", ["", "   ", "²", "9" * 40, "like " + "9" * 40, "[bold]", "\x1b[2J", "'; DROP TABLE--"])
def test_no_line_ends_the_session(session: SessionHarness, line: str) -> None:
    output = session.type(line, "help")

    assert "quit; everything is saved already" in output


@pytest.mark.parametrize("end", ["quit", "exit", "q", None, KeyboardInterrupt])
def test_every_way_to_quit_ends_cleanly(session: SessionHarness, end: str | type[BaseException] | None) -> None:
    output = session.type("like 1", *([end] if end else []))

    assert "1 event saved" in output


def test_events_of_removed_items_are_still_shown(session: SessionHarness) -> None:
    session.recommender.observe("long-gone")

    assert "long-gone (not in this bundle)" in session.type("history")


def test_a_title_cannot_control_the_terminal(tmp_path: Path) -> None:
    titles = ["\x1b[2J[red]evil[/red]\r\nsecond line", *(f"soap {row}" for row in range(39))]
    items = Items([f"item-{row}" for row in range(40)], titles, {"brand": Field(["\x1b]0;x\x07"], [[0]] * 40)})
    make_tiny_bundle(tmp_path / "b", extra={"items.json.z": ("items", dump_items(items))})

    with SessionHarness(tmp_path / "b") as session:
        output = session.type("evil", "like 1", "history", "why 1", "list 40")

    assert "[red]evil[/red]" in output
    assert "\x1b" not in output
    assert "\x07" not in output


def test_movement_is_shown_as_a_sign_and_a_number() -> None:
    signs = [movement(3, before, is_first=False).plain for before in (None, 3, 5, 1)]

    assert signs == ["new", "=", "▲2", "▼2"]
    assert movement(3, None, is_first=True).plain == ""


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-5, "just now"), (59, "just now"), (60, "1 min ago"), (7200, "2 h ago"), (90_000, "1 d ago")],
)
def test_durations_are_shown_in_one_unit(seconds: float, expected: str) -> None:
    assert ago(seconds) == expected


def test_a_sentence_is_answered_in_words_and_with_a_list(session: SessionHarness) -> None:
    output = session.type("nothing from Aster please", "quit")

    assert "OK, no Aster." in output
    assert "Aster" not in output.partition("recommended for you: no Aster")[2]


def test_words_without_a_wish_are_searched_for(session: SessionHarness) -> None:
    assert "results for 'shampoo'" in session.type("shampoo", "quit")


def test_say_makes_a_sentence_of_words_that_would_be_searched_for(session: SessionHarness) -> None:
    assert "OK, Aster." in session.type("say Aster", "quit")


def test_a_question_is_answered_with_a_number(session: SessionHarness) -> None:
    output = session.type("no Aster", "something from Aster", "1", "quit")

    assert "You said “no Aster” before. Which is it now?" in output
    assert "OK, Aster." in output
    assert session.recommender.count_events() == 0  # the number opened no item


def test_undo_takes_back_what_was_said_last_and_events_else(session: SessionHarness) -> None:
    output = session.type("no Aster", "undo", "1", "undo", "quit")

    assert "Taken back." in output
    assert "deleted: opened" in output


def test_the_list_after_an_event_follows_what_was_said(session: SessionHarness) -> None:
    assert "recommended for you: only" not in session.type("1", "quit")
    assert "recommended for you: no Aster" in session.type("no Aster", "1", "quit")


def test_a_lonely_say_explains_itself(session: SessionHarness) -> None:
    assert "`say` needs a sentence" in session.type("say", "quit")


def test_forgetting_takes_back_what_was_said(session: SessionHarness) -> None:
    output = session.type("no Aster", "forget yes", "list", "quit")

    assert session.recommender.chips == ()
    assert "no Aster" not in output.partition("Deleted:")[2]


def test_undo_takes_back_sentences_and_events_newest_first(session: SessionHarness) -> None:
    output = session.type("like 2", "no Aster", "dislike 3", "undo", "undo", "undo", "undo", "quit")

    kinds = re.findall(r"deleted: liked|deleted: hid|Taken back|there is nothing to take back", output)
    assert kinds == ["deleted: hid", "Taken back", "deleted: liked", "there is nothing to take back"]


def test_taking_back_in_other_words_leaves_the_events_for_undo(session: SessionHarness) -> None:
    output = session.type("no Aster", "like 2", "take that back", "undo", "undo", "quit")

    kinds = re.findall(r"deleted: liked|Taken back|there is nothing to take back", output)
    assert kinds == ["Taken back", "deleted: liked", "there is nothing to take back"]


def test_undo_takes_back_events_of_earlier_sessions(session: SessionHarness) -> None:
    session.type("like 2", "quit")

    assert "deleted: liked" in session.type("no Aster", "undo", "undo", "quit")


def test_remove_takes_back_one_thing_that_was_said(session: SessionHarness) -> None:
    output = session.type("no Aster", "no Birch", "remove no Aster", "undo", "quit")

    assert "recommended for you: no Birch" in output
    assert [chip.text for chip in session.recommender.chips] == ["no Aster", "no Birch"]


def test_why_with_words_behind_it_is_a_sentence(session: SessionHarness) -> None:
    output = session.type("why the first one?", "quit")

    assert "`why` takes" not in output


def test_a_question_is_answered_with_a_position(session: SessionHarness) -> None:
    output = session.type("only Aster", "no Aster", "the second", "quit")

    assert "All right, nothing changes." in output
    assert "results for" not in output
