"""The past as rows grows event by event to what it would be if it were read at once."""

from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.past import Past
from edge_runtime.state.history import Event

ROW_OF = {"a": 0, "b": 1, "c": 2}

events = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", "gone"]), st.sampled_from(["click", "like", "dislike"])), max_size=12
).map(lambda pairs: [Event(number, *pair, 0) for number, pair in enumerate(pairs, start=1)])


def test_dislikes_hide_and_do_not_count_as_interest() -> None:
    told = [Event(1, "a", "click", 0), Event(2, "b", "dislike", 0), Event(3, "c", "purchase", 0), Event(4, "a", "x", 0)]

    past = Past().and_then(told, ROW_OF, 50)

    assert past.sequence.tolist() == [0, 2, 0]
    assert set(past.seen.tolist()) == {0, 1, 2}
    assert past.last_id == 4


def test_given_ids_are_interactions_and_unknown_ones_are_skipped() -> None:
    past = Past.of_ids(["b", "gone", "a", "c"], ROW_OF, 2)

    assert past.sequence.tolist() == [0, 2]
    assert set(past.seen.tolist()) == {0, 1, 2}


@given(events, st.integers(0, 12), st.integers(1, 5))
def test_reading_in_parts_gives_what_reading_at_once_gives(told: list[Event], cut: int, max_length: int) -> None:
    whole = Past().and_then(told, ROW_OF, max_length)

    parts = Past().and_then(told[:cut], ROW_OF, max_length).and_then(told[cut:], ROW_OF, max_length)

    assert parts.sequence.tolist() == whole.sequence.tolist()
    assert parts.seen.tolist() == whole.seen.tolist()
    assert parts.last_id == whole.last_id
