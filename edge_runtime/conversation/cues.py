"""What the words of a language do to what follows: they want, exclude, prefer, compare or limit it."""

from collections.abc import Callable, Sequence
from typing import Final

from edge_runtime.conversation.naming import take_title_before
from edge_runtime.conversation.numbers import LIMITS
from edge_runtime.conversation.query import Limit
from edge_runtime.conversation.reading import Reading

_WANTING: Final = ("want", "only", "prefer", "love", "like", "unlike", "but", "instead")
_COMPARING: Final = ("less", "dearer", "newer", "older", "shorter", "longer")


def read_cue(reading: Reading, index: int) -> int:
    """Read a cue and return the number of elements used."""
    element = reading.elements[index]
    if element.is_cue("not", *_WANTING):
        reading.is_unclear = False
    if element.is_cue(*LIMITS) and reading.is_number(index + 1):
        return begin_limit(reading, index)
    for names, action in _ACTIONS:
        if element.is_cue(*names):
            return action(reading, index)
    return 1


def exclude(reading: Reading, index: int) -> int:
    """Exclude what follows, or what was named before a "no" at the end."""
    reading.loves = False
    following = reading.elements[index + 1] if index + 1 < len(reading.elements) else None
    is_last = following is None or following.gap > 0
    is_alone = is_last and reading.elements[index].gap > 0  # "musicals? no way"
    if is_last and reading.said and (reading.n_named or is_alone) and reading.polarity != "not":
        reading.said[-1].polarity = "not"  # "boots, no"
        return 1
    if is_last and reading.problem == "which":
        reading.excludes = True  # "that brand, no"
        return 1
    reading.polarity, reading.n_named, reading.joined = "not", 0, ""
    reading.replaced, reading.seen = (reading.elements[index].is_cue(name) for name in ("in_place", "seen"))
    return 1


def _leave_out(reading: Reading, index: int) -> int:
    """Exclude what an "it" means in "leave it out": what was named last, or the item that was talked about."""
    last = next((one for one in reversed(reading.elements[:index]) if one.says_something), None)
    is_item = last is not None and last.meaning is None and not reading.item_used
    if reading.said and not is_item:
        _exclude_last(reading)
    elif reading.problem == "which":
        reading.excludes = True
    elif reading.similar and not is_item:
        reading.unlike.append(reading.similar.pop())
    else:
        item = reading.item if is_item else reading.context.about
        reading.polarity, reading.n_named, reading.likes, reading.loves = "not", 0, False, False
        reading.item, reading.item_used = item, False
        reading.leave_item()
    reading.polarity, reading.n_named = "want", 0
    return 1


def _want(reading: Reading, index: int) -> int:
    if reading.polarity == "want" or reading.n_named:
        if reading.polarity == "not":
            reading.leave_item()
        reading.polarity, reading.n_named = "want", 0
    if reading.elements[index].is_cue("between"):
        reading.limit = "between"
    reading.of_field = None
    return 1


def _turn(reading: Reading, index: int) -> int:
    is_named = not (reading.item_used or reading.said or reading.unknown or reading.has("small_talk"))
    if is_named and reading.polarity == "want":
        reading.compared = reading.item  # "the fourth, but in red"
    following = reading.following(index)
    if following is not None and following.is_cue(*_COMPARING) and [one.is_loose for one in reading.said] == [True]:
        item = take_title_before(reading, index)  # "Die Hard, but newer"
        reading.similar += [] if item is None else [item]
    reading.leave_item()
    reading.polarity, reading.n_named, reading.likes, reading.joined = "want", 0, False, ""
    return 1


def _prefer(reading: Reading, index: int) -> int:
    if reading.polarity == "not" and not reading.n_named:
        return 1  # "no more boots", "I don't like boots"
    reading.loves = reading.elements[index].is_cue("love")
    reading.polarity, reading.n_named = "prefer", 0
    return 1


def _only(reading: Reading, index: int) -> int:
    reading.polarity, reading.n_named = "want", 0
    return 1


def _like(reading: Reading, index: int) -> int:
    if reading.elements[index].is_cue("unlike"):
        reading.polarity, reading.n_named = "not", 0
    reading.likes, reading.is_alike = True, reading.elements[index].is_cue("alike")
    return 1


def _resemble(reading: Reading, index: int) -> int:
    """Take the title before "type of film" as the item that is meant."""
    item = take_title_before(reading, index)
    if item is not None:
        (reading.unlike if reading.polarity == "not" else reading.similar).append(item)
        reading.n_named += 1
    return 1


def _or(reading: Reading, index: int) -> int:
    reading.joined = "" if index and reading.elements[index - 1].is_unknown else "or"
    reading.likes = reading.likes or reading.liked_at == index - 1  # "like this or that"
    return 1


def _than(reading: Reading, index: int) -> int:
    if reading.polarity == "prefer" and reading.n_named:
        reading.polarity, reading.n_named = "not", 0
    return 1


def _relative(reading: Reading, index: int) -> int:
    element = reading.elements[index]
    of_year, of_length = element.is_cue("newer", "older"), element.is_cue("shorter", "longer")
    name = reading.length() if of_length else reading.year() if of_year else reading.price()
    if name is None:
        reading.lack("year" if of_year else "price")
    else:
        less = element.is_cue("less", "older", "shorter") != (reading.polarity == "not" and not reading.n_named)
        reading.limits.append(Limit(name, than_shown="less" if less else "more"))
    return 1


def begin_limit(reading: Reading, index: int) -> int:
    """Let a cue limit the number that follows."""
    element = reading.elements[index]
    if reading.polarity == "prefer" and reading.n_named and not reading.is_number(index + 1):
        reading.polarity, reading.n_named = "not", 0  # "I prefer tea over coffee"
        return 1
    reading.limit = next(name for name in ("between", *LIMITS) if element.is_cue(name))
    return 1


def _this(reading: Reading, index: int) -> int:
    """Take the item that was talked about last, unless a fact follows, such as in "that brand"."""
    before, following = reading.before(index), reading.following(index)
    if reading.loves and before is not None and before.is_cue("theirs"):
        reading.loves = False  # "my dad loves that one"
        return 1
    cue = None if following is None else following.cue
    if cue is not None and (cue.field is not None or cue.position is not None):
        return 1
    after = reading.elements[index + 1] if index + 1 < len(reading.elements) else None
    if after is not None and after.gap == 0 and (after.is_unknown or _is_relative(reading, index)):
        return 1  # "nothing that stings", "something similar that isn't red"
    about = _meant_by(reading, index)
    if about is not None:
        reading.mean(about)
    elif reading.likes:
        reading.item_used, reading.item = False, None
    else:
        _refuse_last(reading)
    return 1


def _meant_by(reading: Reading, index: int) -> str | None:
    """Return the item that a "that" means: of this sentence ("the third is nice, something like it"), or before it."""
    about = reading.context.about
    named = reading.item or (reading.similar[-1] if reading.similar else None)
    if named is not None and (reading.likes or about is not None):
        return named
    if about is not None or not reading.likes:
        return about
    ends = range(index, 0, -1)  # "Heat was great, more like that"
    return next((item for end in ends if (item := take_title_before(reading, end)) is not None), None)


def _refuse_last(reading: Reading) -> None:
    """Let a "that" mean what was named last where it means no item."""
    if reading.seen:
        reading.polarity = "want"  # "I saw that in the cinema"
    elif reading.polarity == "not" and not reading.n_named and reading.said:
        _exclude_last(reading)
    elif reading.polarity == "not":
        reading.item_used, reading.item = False, None


def _exclude_last(reading: Reading) -> None:
    """Exclude what was named last: "rose water gives me a rash, so none of that"."""
    after = reading.said[-1].at
    for one in reversed(reading.said):
        if one.at < after:
            break
        one.polarity, after = "not", one.at - 1 if one.at >= 0 else len(reading.elements)


def _is_relative(reading: Reading, index: int) -> bool:
    """Return whether a "that" goes on with what was asked for, and means no item."""
    before, after = reading.elements[index - 1] if index else None, reading.elements[index + 1]
    goes_on = before is not None and (before.meaning is not None or before.is_cue("want", "alike"))
    return goes_on and (after.is_cue("not") or after.text in reading.lexicon.phrases.statements)


_ACTIONS: Final[Sequence[tuple[tuple[str, ...], Callable[[Reading, int], int]]]] = (
    (("suffix_like",), _resemble),
    (("unlike", "like", "alike"), _like),
    (("leave_out",), _leave_out),
    (("not",), exclude),
    (_COMPARING, _relative),
    (("only",), _only),
    (("love", "prefer"), _prefer),
    (("but",), _turn),
    (("or",), _or),
    (("this",), _this),
    (tuple(name for name in LIMITS), begin_limit),
    (("than",), _than),
    (("want", "with", "between"), _want),
)
