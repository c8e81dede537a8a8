"""The cases shared with the page."""

import json
from typing import Any

import pytest

from tests.golden_conversation import FOLDER, make_all


@pytest.mark.parametrize("name", ["tokens.json", "parse.json", "talks.json", "shift.json"])
def test_sentences_do_what_the_golden_file_says(name: str) -> None:
    made = json.loads(json.dumps(make_all()[name]))

    assert made == _read(name)


def _read(name: str) -> Any:  # noqa: ANN401 - any JSON
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))
