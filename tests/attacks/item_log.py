"""Invalid logs of items: streams that do not add up, and changes that do not fit the items before them."""

import json
import zlib
from collections.abc import Callable

import numpy as np

from tests.attacks.draft import Attack, Draft, Json

_FILE = "items.json.z"


def item_log() -> dict[str, Attack]:
    def lengths(change: Callable[[list[int]], object]) -> Attack:
        """Change the lengths at the end, of which the last is the number of streams."""

        def attack(draft: Draft) -> None:
            log = draft.files[_FILE]
            numbers = np.frombuffer(log, "<u4", offset=len(log) - 12).tolist()
            change(numbers)
            draft.replace(_FILE, log[:-12] + np.array(numbers, "<u4").tobytes())

        return attack

    def streams(change: Callable[[list[bytes]], object]) -> Attack:
        def attack(draft: Draft) -> None:
            log = draft.files[_FILE]
            first, _, _ = np.frombuffer(log, "<u4", offset=len(log) - 12).tolist()
            parts = [log[:first], log[first:-12]]
            change(parts)
            numbers = np.array([*map(len, parts), len(parts)], "<u4")
            draft.replace(_FILE, b"".join(parts) + numbers.tobytes())

        return attack

    def changes(modify: Callable[[Json], object]) -> Attack:
        """Change the second stream: rows 2 and 3, and the new rows 37 to 39."""

        def attack(parts: list[bytes]) -> None:
            found = json.loads(zlib.decompress(parts[1]))
            modify(found)
            parts[1] = zlib.compress(json.dumps(found).encode())

        return streams(attack)

    def without_feature(draft: Draft) -> None:
        features = draft.manifest["required_features"]
        draft.manifest["required_features"] = [one for one in features if one != "item-log"]

    return {
        "format/log-empty": lambda draft: draft.replace(_FILE, b""),
        "format/log-without-its-feature": without_feature,
        "format/log-and-table": lambda draft: draft.manifest["required_features"].append("item-table"),
        "format/log-of-no-streams": streams(lambda parts: parts.clear()),
        "format/log-of-65-streams": streams(lambda parts: parts.extend(parts[1:] * 63)),
        "format/log-of-more-streams-than-bytes": lengths(lambda numbers: numbers.__setitem__(2, 60)),
        "format/log-number-of-streams-huge": lengths(lambda numbers: numbers.__setitem__(2, (1 << 32) - 1)),
        "format/log-length-too-large": lengths(lambda numbers: numbers.__setitem__(1, numbers[1] + 1)),
        "format/log-length-huge": lengths(lambda numbers: numbers.__setitem__(0, (1 << 32) - 1)),
        "format/log-lengths-shifted": lengths(_shift),
        "format/log-without-its-last-stream": streams(lambda parts: parts.pop()),
        "format/log-with-a-third-stream-cut": streams(lambda parts: parts.append(parts[1][:-3])),
        "format/log-too-long-in-two-streams": streams(lambda parts: parts.extend(2 * [_long(parts[1])])),
        "format/log-starts-with-changes": streams(lambda parts: parts.reverse()),
        "format/log-of-the-same-items-twice": streams(lambda parts: parts.append(parts[0])),
        "format/log-rows-missing": changes(lambda found: found.pop("rows")),
        "format/log-rows-too-few": changes(lambda found: found["rows"].pop()),
        "format/log-rows-descend": changes(lambda found: found["rows"].__setitem__(slice(2), [3, 2])),
        "format/log-row-twice": changes(lambda found: found["rows"].__setitem__(slice(2), [2, 2])),
        "format/log-row-negative": changes(lambda found: found["rows"].__setitem__(0, -1)),
        "format/log-row-with-a-fraction": changes(lambda found: found["rows"].__setitem__(0, 2.0)),
        "format/log-rows-with-a-gap": changes(lambda found: found["rows"].__setitem__(4, 40)),
        "format/log-row-huge": changes(lambda found: found["rows"].__setitem__(4, (1 << 53) - 1)),
        "format/log-item-with-another-id": changes(lambda found: found["item_id"].__setitem__(0, "other")),
        "format/log-new-item-with-an-old-id": changes(lambda found: found["item_id"].__setitem__(4, "item-5")),
        "format/log-titles-too-few": changes(lambda found: found["title"].pop()),
        "format/log-title-empty": changes(lambda found: found["title"].__setitem__(0, "")),
        "format/log-fact-outside": changes(lambda found: found["fields"]["brand"]["rows"][0].append(99)),
        "format/log-fact-missing": changes(lambda found: found["fields"].pop("brand")),
        "format/log-fact-renamed": changes(
            lambda found: found["fields"].update(other=found["fields"].pop("brand"))
        ),
        "format/log-fact-unknown": changes(
            lambda found: found["fields"].update(other={"values": [], "rows": [[] for _ in found["rows"]]})
        ),
    }  # fmt: skip


def _long(stream: bytes) -> bytes:
    """Return a stream without changes, but with blanks, of which one is allowed and two are not."""
    found = json.loads(zlib.decompress(stream))
    nothing: dict[str, list[int]] = {"values": [], "rows": []}
    empty = {"item_id": [], "title": [], "fields": dict.fromkeys(found["fields"], nothing), "rows": []}
    return zlib.compress(b" " * 700_000 + json.dumps(empty).encode())


def _shift(numbers: list[int]) -> None:
    """Move the end of the first stream by a byte."""
    numbers[:2] = numbers[0] - 1, numbers[1] + 1
