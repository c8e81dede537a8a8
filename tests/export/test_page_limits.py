"""The page's limits are those of the Python runtime."""

from export.page_limits import PATH, page_limits


def test_the_limits_of_the_page_are_generated_from_those_of_python() -> None:
    assert PATH.read_text("utf-8") == page_limits(), "run `python -m export.page_limits` and commit the file"
