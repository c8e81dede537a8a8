"""The difference between two bundles: manifests, bytes by file, items, and their lists for the same users."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge_runtime.bundle import Manifest
from edge_runtime.contents import Contents
from edge_runtime.errors import PocketRecError
from export.comparison import Comparison, compare_rankings
from export.lists import PADDING
from export.measure import OpenEngine, open_engine, open_transitions, rank_users
from export.rankings import Ranking
from export.segments import segments
from export.users import TestUsers
from train.data.dataset import Dataset
from train.data.split import leave_one_out
from train.errors import DataError

_MISSING = -1


class FieldDifference(Struct, frozen=True, kw_only=True):
    """A field of the manifest, such as ``encoder.n_blocks``, with its values; None where a bundle lacks it."""

    field: str
    before: Any
    after: Any


class FileDifference(Struct, frozen=True, kw_only=True):
    """Bytes of a file in both bundles, None where there is none, and whether its digest differs."""

    file: str
    role: str
    before: int | None
    after: int | None
    changed: bool


class BundleDifference(Struct, frozen=True, kw_only=True):
    """Difference between two bundles.

    Attributes:
        before: name, target and release of the first bundle.
        after: those of the second.
        fields: fields that differ.
        files: all files.
        ranking_bytes: of both.
        bundle_bytes: of both.
        items_added: number of items that only the second has.
        items_removed: number of items that only the first has.
        lists: metrics of the second compared with the first by segment; None without data. The churn of a segment is
            one minus its ``overlap``.
    """

    before: str
    after: str
    fields: list[FieldDifference]
    files: list[FileDifference]
    ranking_bytes: tuple[int, int]
    bundle_bytes: tuple[int, int]
    items_added: int
    items_removed: int
    lists: Comparison | None = None


def compare_bundles(
    first: Contents, second: Contents, dataset: Dataset | None = None, n_users: int | None = None
) -> BundleDifference:
    """Compare two bundles, and their lists if there is data.

    Args:
        first: the bundle from before.
        second: the one that is to replace it.
        dataset: events of users for whom both rank; items that one of the bundles lacks are left out.
        n_users: largest number of users, a random sample; all by default.

    Raises:
        DataError: no user has a history and a true item that both bundles have.
        PocketRecError: no engine of a bundle works here.
    """
    before, after = first.folder.manifest, second.folder.manifest
    old, new = set(first.items.item_id), set(second.items.item_id)
    return BundleDifference(
        before=_label(before),
        after=_label(after),
        fields=field_differences(before, after),
        files=file_differences(before, after),
        ranking_bytes=(before.ranking_bytes, after.ranking_bytes),
        bundle_bytes=(before.bundle_bytes, after.bundle_bytes),
        items_added=len(new - old),
        items_removed=len(old - new),
        lists=None if dataset is None else _compare_lists(first, second, dataset, n_users),
    )


def field_differences(before: Manifest, after: Manifest) -> list[FieldDifference]:
    """Return the fields of the manifests that differ, except the list of files."""
    old, new = (dict(_leaves(msgspec.to_builtins(one))) for one in (before, after))
    names = [name for name in [*old, *(name for name in new if name not in old)] if not name.startswith("files.")]
    return [
        FieldDifference(field=name, before=old.get(name), after=new.get(name))
        for name in names
        if old.get(name) != new.get(name)
    ]


def file_differences(before: Manifest, after: Manifest) -> list[FileDifference]:
    """Return all files of two bundles, the largest change of size first."""
    old, new = ({entry.name: entry for entry in one.files} for one in (before, after))
    found = []
    for name in [*old, *(one for one in new if one not in old)]:
        was, now = old.get(name), new.get(name)
        entry = now or was
        found.append(
            FileDifference(
                file=name,
                role="" if entry is None else entry.role,
                before=None if was is None else was.bytes,
                after=None if now is None else now.bytes,
                changed=was is None or now is None or was.sha256 != now.sha256,
            )
        )
    return sorted(found, key=lambda one: -abs((one.after or 0) - (one.before or 0)))


def _leaves(value: object, name: str = "") -> list[tuple[str, object]]:
    """Return the values of a JSON tree with their dotted names."""
    if isinstance(value, Mapping):
        pairs = [(str(key), one) for key, one in value.items()]
    elif isinstance(value, list | tuple):
        pairs = [(str(index), one) for index, one in enumerate(value)]
    else:
        return [(name, value)]
    return [leaf for key, one in pairs for leaf in _leaves(one, f"{name}.{key}" if name else key)]


def _label(manifest: Manifest) -> str:
    return f"{manifest.name}, {manifest.target}, release {manifest.release}"


def _compare_lists(first: Contents, second: Contents, dataset: Dataset, n_users: int | None) -> Comparison:
    targets = leave_one_out(dataset.sequences).test
    sides = [_Side.of(one, dataset) for one in (first, second)]
    known = (sides[0].row_of >= 0) & (sides[1].row_of >= 0)
    users = _known_users(TestUsers.of(targets, n_users or len(targets)), known)
    if not len(users):
        raise DataError(
            f"{dataset.path}: found no user whose history and next item both bundles have. Give the data that they "
            "were exported from."
        )
    old, new = (side.rank(users) for side in sides)
    masks = segments(users, leave_one_out(dataset.sequences).train.rows, len(dataset.catalogue))
    return compare_rankings("second bundle", new, "first bundle", "bundle", old, masks)


def _known_users(users: TestUsers, known: NDArray[np.bool_]) -> TestUsers:
    """Return the users whose target is known, with the known events of their histories, at least one."""
    histories = [rows[known[rows]] for rows in users.histories]
    kept = [
        index
        for index, (rows, target) in enumerate(zip(histories, users.targets, strict=True))
        if len(rows) and known[target]
    ]
    return replace(
        users,
        histories=tuple(histories[index] for index in kept),
        targets=users.targets[kept],
        indices=users.indices[kept],
    )


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the bundles, with the rows of the data's items in it and the other way round, -1 if there is none."""

    contents: Contents
    row_of: NDArray[np.int64]
    data_row_of: NDArray[np.int64]

    @classmethod
    def of(cls, contents: Contents, dataset: Dataset) -> "_Side":
        rows = {item: row for row, item in enumerate(contents.items.item_id)}
        row_of = np.array([rows.get(item, _MISSING) for item in dataset.catalogue.item_ids], dtype=np.int64)
        # An item that the data lacks gets a number of its own, which no item of the other bundle has.
        data_row_of = -2 - np.arange(len(rows), dtype=np.int64)
        data_row_of[row_of[row_of >= 0]] = np.flatnonzero(row_of >= 0)
        return cls(contents, row_of, data_row_of)

    def rank(self, users: TestUsers) -> Ranking:
        """Rank users of the data, and return lists of rows of the data."""
        own = replace(
            users,
            histories=tuple(self.row_of[rows].astype(np.int32) for rows in users.histories),
            targets=self.row_of[users.targets].astype(np.int32),
        )
        ranking = rank_users(self.contents, _first_engine(self.contents), own)
        top_rows = np.where(ranking.top_rows == PADDING, PADDING, self.data_row_of[ranking.top_rows])
        return replace(ranking, top_rows=top_rows)


def _first_engine(contents: Contents) -> OpenEngine:
    """Return the first engine that passes its self-test here.

    Raises:
        PocketRecError: none does.
    """
    reasons = []
    for variant in contents.folder.manifest.engines or (None,):
        try:
            engine = open_transitions(contents) if variant is None else open_engine(contents, variant)
        except ModuleNotFoundError as error:
            engine = str(error)
        if isinstance(engine, OpenEngine):
            return engine
        reasons.append(engine)
    raise PocketRecError(f"{contents.folder.path}: no engine works here: {'; '.join(reasons)}")
