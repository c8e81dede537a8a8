"""The page of results shows the stored tables."""

import msgspec

from benchmarks.results_page import PAGE, StoredTable, page, stored_tables
from train.evaluation.significance import Spread
from train.suites.table import SuiteRow


def row(label: str, ndcg: float | None, *commits: str) -> SuiteRow:
    done = ndcg is not None
    return SuiteRow(
        label=label,
        split="standard",
        part_of=None,
        missing=None,
        n_seeds=1,
        seeds=[0] if done else [],
        epochs=[7] if done else [],
        seconds=[61.0] if done else [],
        devices=["CPU, 2 threads"] if done else [],
        commits=list(commits),
        figures={"all": {"ndcg@10": Spread(mean=ndcg, deviation=None, n_seeds=1)}} if ndcg is not None else {},
        versus_alone={},
        versus_whole={},
    )


def table_of(*rows: SuiteRow) -> StoredTable:
    return StoredTable(
        name="corec",
        data_name="shop",
        data_digest="ab",
        backbone="sasrec",
        text="hashed",
        image="colour",
        n_users=None,
        max_epochs=9,
        baselines={},
        rows=list(rows),
        command="pocketrec compare corec",
    )


def test_finished_rows_show_their_metrics_and_other_rows_are_empty() -> None:
    lines = page([table_of(row("backbone alone", 0.25, "a" * 40), row("corec", None))]).splitlines()

    assert "## shop, all users: corec over sasrec, text hashed" in lines
    assert "`pocketrec compare corec`" in lines
    shown = next(line for line in lines if line.startswith("| backbone alone"))
    cells = [cell.strip() for cell in shown.strip("|").split("|")]
    assert (cells[:3], cells[-3:]) == (["backbone alone", "1 of 1", "0.2500"], ["7", "61", "CPU, 2 threads"])
    empty = next(line for line in lines if line.startswith("| corec"))
    assert {cell.strip() for cell in empty.strip("|").split("|")[2:]} == {"—"}


def test_rows_that_cannot_be_run_are_listed_in_a_separate_sentence() -> None:
    late = msgspec.structs.replace(row("corec", None), split="global time", missing="needs a clock")

    lines = page([table_of(row("backbone alone", 0.25), row("corec", 0.5), late)]).splitlines()

    sentence = lines.index("Cannot be run here (needs a clock): corec [global time].")
    assert lines[sentence - 1] == ""
    assert not any("global time" in line for line in lines if line.startswith("|"))


def test_rows_show_their_commits_if_there_are_several() -> None:
    older, newer = "0123456" + "a" * 33, "fedcba9" + "b" * 33

    lines = page([table_of(row("backbone alone", 0.25, older), row("corec", 0.5, older, newer))]).splitlines()

    cells = {
        cells[0].strip(): cells[-1].strip()
        for cells in (line.strip("|").split("|") for line in lines if line.startswith("| "))
        if len(cells) > 10
    }
    assert cells == {"variant": "commit", "backbone alone": "0123456", "corec": "0123456, fedcba9"}


def test_the_page_in_the_repository_is_up_to_date() -> None:
    tables = stored_tables()

    assert tables
    assert PAGE.read_text("utf-8") == page(tables)
