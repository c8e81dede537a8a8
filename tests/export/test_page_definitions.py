"""The page's constants, interfaces and readers are those of the Python runtime."""

import pytest

from export.page_definitions import FOLDER, page_definitions


@pytest.mark.parametrize("name", page_definitions())
def test_the_definitions_of_the_page_are_generated_from_those_of_python(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == page_definitions()[name], (
        "run `python -m export.page_definitions` and commit the files"
    )
