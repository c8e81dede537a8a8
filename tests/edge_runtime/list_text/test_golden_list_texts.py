"""Golden cases shared with the browser runtime: what list texts may say, and the template's texts."""

import json

from tests.golden_list_texts import PATH, golden


def test_list_texts_match_the_golden_file() -> None:
    expected = json.loads(PATH.read_text("utf-8"))

    assert json.loads(json.dumps(golden())) == expected


def test_every_text_of_the_golden_file_has_each_item_once_and_only_allowed_lines() -> None:
    for one in json.loads(PATH.read_text("utf-8"))["lists"]:
        for text in one["texts"]:
            found = text.splitlines(keepends=True)
            assert len(found) == len(one["item_ids"]) + 1
            assert all(line in allowed for line, allowed in zip(found, one["lines"], strict=True))
