"""Invalid item files: compression bombs, deep nesting, truncation, and invalid indices."""

import json
import zlib
from collections.abc import Callable

from tests.attacks.draft import Attack, Draft, Json


def items() -> dict[str, Attack]:
    name = "items.json.z"

    def bytes_(data: bytes) -> Attack:
        return lambda draft: draft.replace(name, data)

    def text(modify: Callable[[Json], object]) -> Attack:
        def attack(draft: Draft) -> None:
            catalogue = json.loads(zlib.decompress(draft.files[name]))
            modify(catalogue)
            draft.replace(name, zlib.compress(json.dumps(catalogue).encode()))

        return attack

    def inside(old: bytes, new: bytes) -> Attack:
        def attack(draft: Draft) -> None:
            inflated = zlib.decompress(draft.files[name])
            draft.replace(name, zlib.compress(inflated.replace(old, new, 1)))

        return attack

    def column(key: str, row: int, value: object) -> Attack:
        return text(lambda items: items[key].__setitem__(row, value))

    return {
        "format/items-not-zlib": bytes_(b"plain text"),
        "format/items-empty": bytes_(b""),
        "format/items-bomb": bytes_(zlib.compress(b" " * ((64 << 20) + 1))),
        "format/items-blanks-too-many-for-its-items": inside(b"{", b"{" + b" " * (2 << 20)),
        "format/items-unknown-text-too-long-for-its-items": inside(b"{", b'{"x": "' + b"x" * (2 << 20) + b'", '),
        "format/items-stream-cut": lambda draft: draft.replace(name, draft.files[name][:-4]),
        "format/items-with-a-tail": lambda draft: draft.replace(name, draft.files[name] + b"tail"),
        "format/items-with-a-tail-like-the-end": lambda draft: draft.replace(
            name, draft.files[name] + b"tail" + draft.files[name][-4:]
        ),
        "format/items-twice": lambda draft: draft.replace(name, draft.files[name] * 2),
        "format/items-not-json": bytes_(zlib.compress(b"{nonsense")),
        "format/items-nested": bytes_(zlib.compress(b'{"x": ' + b"[" * 500_000 + b"]" * 500_000 + b"}")),
        "format/items-of-many-lists": bytes_(zlib.compress(b'{"x": [' + b"[]," * 100_000 + b"[]]}")),
        "format/items-of-many-objects": bytes_(zlib.compress(b'{"x": [' + b"{}," * 100_000 + b"{}]}")),
        "format/items-of-many-rows": text(lambda items: items["fields"]["brand"]["rows"].extend([[]] * 100_000)),
        "format/items-title-long": column("title", 1, "t" * 1001),
        "format/items-fact-long": text(lambda items: items["fields"]["brand"]["values"].append("v" * 1001)),
        "format/items-fact-name-long": text(
            lambda items: items["fields"].update({"n" * 1001: items["fields"]["brand"]})
        ),
        "format/items-not-utf8": inside(b"Aster", b"\xff\xfe\xfd\xfc\xfb"),
        "format/items-not-utf8-where-nobody-looks": inside(b"{", b'{"x": "\xff", '),
        "format/items-nested-where-nobody-looks": inside(b"{", b'{"x": ' + b"[" * 32 + b"]" * 32 + b", "),
        "format/items-nested-behind-brackets-in-a-string": inside(
            b"{", b'{"x": ["]]]\\\\", "\\"]]]", ' + b"[" * 31 + b"]" * 32 + b", "
        ),
        "format/items-lone-surrogate": inside(b'"Aster"', b'"\\ud800"'),
        "format/items-lone-surrogate-in-an-unknown-field": inside(b"{", b'{"x": "\\ud800", '),
        "format/items-column-twice": inside(b"{", b'{"title": [], '),
        "format/items-fact-twice": inside(b'"brand":{', b'"brand":{"values":[],"rows":[]},"brand":{'),
        "format/items-unknown-name-twice": inside(b"{", b'{"x": 1, "x": 1, '),
        "format/items-fact-index-with-a-fraction": inside(b"[0]", b"[0.0]"),
        "format/items-too-few": text(lambda items: items["title"].pop()),
        "format/items-id-twice": column("item_id", 1, "item-0"),
        "format/items-id-empty": column("item_id", 1, ""),
        "format/items-id-too-long": column("item_id", 1, "i" * 257),
        "format/items-id-a-number": column("item_id", 1, 7),
        "format/items-title-empty": column("title", 1, ""),
        "format/items-fact-outside": text(lambda items: items["fields"]["brand"]["rows"][0].append(99)),
        "format/items-fact-negative": text(lambda items: items["fields"]["brand"]["rows"][0].append(-1)),
        "format/items-facts-too-few": text(lambda items: items["fields"]["brand"]["rows"].pop()),
    }
