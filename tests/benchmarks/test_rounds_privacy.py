"""The page on what rounds reveal has the figures that the accountant computes."""

from pathlib import Path

from benchmarks.rounds_privacy import by_operator, by_readers

PAGE = Path(__file__).parent.parent.parent / "docs" / "rounds-privacy.md"


def test_the_tables_of_the_page_are_up_to_date() -> None:
    text = PAGE.read_text("utf-8")

    for table in (by_operator(), by_readers()):
        assert table in text, (
            "run `python -m benchmarks.rounds_privacy` and copy its tables into docs/rounds-privacy.md"
        )
