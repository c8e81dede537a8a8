"""Reads and checks the items of a data folder."""

import itertools
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from train.data.dataset import Catalogue
from train.data.facts import FACTS, FactError, fact_values, text_list
from train.data.findings import Findings, RowError, quoted
from train.data.ids import id_message, id_problem
from train.data.interactions import check_columns
from train.data.json_lines import Record
from train.data.pictures import OutsideError, PictureFolder
from train.data.readable import has_markup
from train.data.table_file import Table

REQUIRED = ("item_id", "title")
MAX_ITEMS = 1 << 24
_PLAIN = ("item_id", "title", "description", "image", "video")


@dataclass(frozen=True, slots=True)
class _Item:
    item_id: str
    title: str
    facts: dict[str, tuple[str, ...]]
    description: str | None
    image: Path | None
    video: tuple[Path, ...]


@dataclass(slots=True)
class _Reader:
    """Reads items one by one, and counts what warnings are about."""

    pictures: PictureFolder
    ignored: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    untitled: dict[str, None] = field(default_factory=dict)
    line_breaks: dict[str, None] = field(default_factory=dict)
    markup: dict[str, None] = field(default_factory=dict)

    def item(self, record: Record, item_id: str) -> _Item:
        """Return one row as an item with this id.

        Raises:
            RowError: a value is not valid.
        """
        return _Item(
            item_id=item_id,
            title=self._title(record, item_id),
            facts=self._facts(record),
            description=_text(record, "description"),
            image=self._image(record),
            video=self._video(record),
        )

    def _title(self, record: Record, item_id: str) -> str:
        raw = _text(record, "title") or ""
        title = " ".join(raw.split())
        if "\n" in raw:
            self.line_breaks[item_id] = None
        if has_markup(title):
            self.markup[item_id] = None
        if any(character.isprintable() and character != " " for character in title):
            return title
        self.untitled[item_id] = None
        return f"Item {item_id}"

    def _facts(self, record: Record) -> dict[str, tuple[str, ...]]:
        facts: dict[str, tuple[str, ...]] = {}
        for name, value in record.items():
            if name in _PLAIN:
                continue
            try:
                values = fact_values(name, value)
            except FactError as error:
                if name in FACTS:
                    raise RowError(f"{name} of a wrong type", f"{name} is {quoted(value)}; {error}") from error
                self.ignored[name] += 1
                continue
            if values:
                facts[name] = values
        return facts

    def _image(self, record: Record) -> Path | None:
        name = _text(record, "image")
        if name is None:
            return None
        try:
            path = self.pictures.find(name)
        except OutsideError as error:
            raise _outside_error("image", name) from error
        self._count_missing("image", name, exists=path is not None)
        return path

    def _video(self, record: Record) -> tuple[Path, ...]:
        try:
            names = text_list(record.get("video"))
        except FactError as error:
            raise RowError("video of a wrong type", f"video is {quoted(record['video'])}; {error}") from error
        frames: list[Path] = []
        for name in names:
            try:
                paths = self.pictures.frames(name)
            except OutsideError as error:
                raise _outside_error("video", name) from error
            self._count_missing("video", name, exists=bool(paths))
            frames.extend(paths)
        return tuple(frames)

    def _count_missing(self, kind: str, name: str, *, exists: bool) -> None:
        if not exists:
            self.missing[kind] += 1
            self.examples.setdefault(kind, name)


def read_catalogue(table: Table, folder: Path, findings: Findings) -> Catalogue | None:
    """Check every item and return the valid ones in file order; None if there are none, or if a column is missing."""
    source = table.source
    if table.names() and not check_columns(table.names(), REQUIRED, source, findings):
        return None
    reader = _Reader(PictureFolder(folder))
    items: dict[str, _Item] = {}
    for number, record in table.rows():
        try:
            item_id = _item_id(record.get("item_id"))
            if item_id in items:
                raise RowError(
                    "duplicate item", f"item_id {quoted(item_id)} occurs in an earlier row. Keep one of them."
                )
            item = reader.item(record, item_id)
        except RowError as error:
            findings.bad_rows(source, error.kind, [number], str(error))
        else:
            items[item.item_id] = item
    if not items or len(items) > MAX_ITEMS:
        found = f"{len(items):,} usable items" if items else "no usable item is left"
        findings.bad_file(source.name, f"{found}; expected 1 to {MAX_ITEMS:,}. Correct the rows listed here.")
        return None
    if items.keys() <= reader.untitled.keys():
        findings.bad_file(source.name, "no item has a title. Add titles, which are shown to users.")
    _warn(reader, source.name, findings)
    return _columns(list(items.values()), table.names())


def _columns(items: list[_Item], names: list[str]) -> Catalogue:
    present = set(itertools.chain.from_iterable(item.facts for item in items))
    ordered = [name for name in (*FACTS, *names) if name in present]
    return Catalogue(
        item_ids=tuple(item.item_id for item in items),
        titles=tuple(item.title for item in items),
        fields={name: tuple(item.facts.get(name, ()) for item in items) for name in ordered},
        descriptions=tuple(item.description for item in items),
        images=tuple(item.image for item in items),
        videos=tuple(item.video for item in items),
    )


def _warn(reader: _Reader, file: str, findings: Findings) -> None:
    if reader.untitled:
        first = next(iter(reader.untitled))
        findings.warn(
            f"{file}: {len(reader.untitled):,} item(s) have an empty title, such as {quoted(first)}; "
            f"they are shown as 'Item {first}'."
        )
    for titles, what in (
        (reader.line_breaks, "contain a line break. Check the file for a missing closing quote."),
        (reader.markup, "contain HTML tags, which are shown as text. Write plain text."),
    ):
        if titles:
            findings.warn(f"{file}: {len(titles):,} title(s), such as that of {quoted(next(iter(titles)))}, {what}")
    for name, count in sorted(reader.ignored.items()):
        findings.warn(
            f"{file}: {count:,} value(s) of {quoted(name)} are neither text, number nor a list of them: ignored."
        )
    for kind, count in sorted(reader.missing.items()):
        example = quoted(reader.examples[kind])
        findings.warn(
            f"{file}: {count:,} {kind} path(s) lead to no picture, such as {example}. Those items have no {kind}."
        )


def _item_id(value: object) -> str:
    if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
        raise RowError("item_id of a wrong type", f"item_id is {quoted(value)}; expected text or a whole number.")
    item_id = "" if value is None else str(value)
    problem = id_problem(item_id)
    if problem:
        raise RowError(f"{problem} item_id", id_message("item_id", item_id))
    return item_id


def _text(record: Record, name: str) -> str | None:
    value = record.get(name)
    if value is not None and not isinstance(value, str):
        raise RowError(f"{name} of a wrong type", f"{name} is {quoted(value)}; expected text.")
    return (value or "").strip() or None


def _outside_error(name: str, path: str) -> RowError:
    return RowError(
        f"{name} outside of the folder",
        f"{name} {quoted(path)} leaves the folder; expected a relative path inside it, with '/'.",
    )
