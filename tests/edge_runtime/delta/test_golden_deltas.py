"""The delta packs of the golden file, which the page reads as well."""

import json
from base64 import b64decode
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime.bundle.delta import pack as pack_module
from edge_runtime.bundle.delta import read_pack
from edge_runtime.bundle.delta.cursor import Cursor
from edge_runtime.bundle.delta.operations import Operation, apply
from edge_runtime.bundle.delta.tables import Form, Table
from edge_runtime.errors import DeltaError
from tests.edge_runtime.delta.releases import manifest_of
from tests.golden_deltas import PATH, accepted
from tests.malformed_deltas import NAME, NEW, malformed

CASES = {case["name"]: case for case in json.loads(PATH.read_text())["cases"]}


def bytes_of(case: dict[str, Any], part: str) -> bytes | None:
    return None if case[part] is None else b64decode(case[part])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case["new"] is not None])
def test_a_pack_leads_to_the_newer_file(name: str) -> None:
    new = bytes_of(CASES[name], "new")
    assert new is not None

    pack = read_pack(b64decode(CASES[name]["pack"]), manifest_of({NAME: new}))

    assert pack.apply(NAME, bytes_of(CASES[name], "old")) == new


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case["new"] is None])
def test_a_malformed_pack_is_refused(name: str) -> None:
    with pytest.raises(DeltaError):
        read_pack(b64decode(CASES[name]["pack"]), manifest_of({NAME: NEW})).apply(NAME, bytes_of(CASES[name], "old"))


def test_the_file_has_all_cases() -> None:
    assert list(CASES) == [*(name for name, *_ in accepted()), *(name for name, *_ in malformed())]


def test_every_operation_occurs(monkeypatch: pytest.MonkeyPatch) -> None:
    used = set()

    def recorded(cursor: Cursor, form: Form, n_bytes: int, old: Table | None) -> NDArray[np.uint8]:
        used.add(cursor._data[cursor._at])
        return apply(cursor, form, n_bytes, old)

    monkeypatch.setattr(pack_module, "apply", recorded)
    for name, old, new in accepted():
        read_pack(b64decode(CASES[name]["pack"]), manifest_of({NAME: new})).apply(NAME, old)

    assert used == set(Operation)
