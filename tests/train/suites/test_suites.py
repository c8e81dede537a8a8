import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from edge_runtime.lock import locked
from edge_runtime.terminal.console import Console
from tests.train.tiny_data import tiny_dataset
from train.data.dataset import Dataset
from train.errors import RunError
from train.evaluation import context as ground
from train.full_model import recipes
from train.items.extractors import ExtractorConfig
from train.plugins.coco import CoCoConfig
from train.plugins.corec import CoRecConfig
from train.plugins.llmrec import LlmRecConfig
from train.plugins.recfusion import RecFusionConfig
from train.plugins.sage import SageConfig
from train.plugins.transitions import TransitionsConfig
from train.suites import run as suite_run
from train.suites.cells import Cell, CellResult, run_cell
from train.suites.origin import Origin
from train.suites.printing import EMPTY, suite_tables
from train.suites.run import run_suite, suite_cells, time_left
from train.suites.suites import ALONE, SUITES, SuiteOptions, cells_of, missing, variants
from train.suites.table import SuiteTable

HERE = Origin("pocketrec compare corec", "abc")
QUICK = SuiteOptions(seeds=(0,), max_epochs=2)


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (ground, recipes):
            patch.setattr(module, "FEATURES", tmp_path_factory.mktemp("features"))
        yield


def with_a_clock() -> Dataset:
    data = tiny_dataset()
    return replace(data, sequences=replace(data.sequences, timestamps=data.sequences.timestamps + 1_000_000_000))


def text_of(table: SuiteTable) -> str:
    console = Console(file=io.StringIO(), width=400)
    for each in suite_tables(table):
        console.print(each)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


class Interrupted:
    """Runs cells, and interrupts like Ctrl-C after a number of them."""

    def __init__(self, n_cells: int) -> None:
        self.left = n_cells
        self.names: list[str] = []

    def __call__(self, cell: Cell, dataset: Dataset, folder: Path, origin: Origin) -> CellResult:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        self.names.append(cell.name)
        return run_cell(cell, dataset, folder, origin)


def test_an_interrupted_suite_is_resumed_and_missing_results_are_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, first, second = tiny_dataset(), Interrupted(2), Interrupted(99)
    monkeypatch.setattr(suite_run, "run_cell", first)
    with pytest.raises(KeyboardInterrupt):
        run_suite("corec", data, tmp_path, QUICK, origin=HERE)

    cut = run_suite("corec", data, tmp_path, QUICK, budget_s=0, origin=HERE)

    assert [row.label for row in cut.rows if row.seeds] == [ALONE, "corec"]
    empty = next(row for row in cut.rows if row.label == "corec without contrast")
    assert (empty.seeds, empty.figures, empty.versus_alone, empty.versus_whole) == ([], {}, {}, {})
    (line,) = [line for line in text_of(cut).splitlines() if "corec without contrast" in line and "0 of 1" in line]
    assert line.count(EMPTY) == 10

    monkeypatch.setattr(suite_run, "run_cell", second)
    whole = run_suite("corec", data, tmp_path, QUICK, origin=HERE)

    assert not set(first.names) & set(second.names)
    assert len(first.names + second.names) == len(suite_cells("corec", data, QUICK)) == 7
    done = {row.label: row for row in whole.rows if row.seeds}
    assert len(done) == 7
    assert done["corec"].figures == next(row for row in cut.rows if row.label == "corec").figures
    assert done["corec"].versus_alone["all"].n_users == 60
    parts = done["corec without contrast"].versus_whole
    assert set(parts) >= {"all", "short sparse", "newcomer 1", "noise 30%"}
    assert "NDCG@10 without a part, relative to the whole" in text_of(whole)
    assert "NDCG@10 without a part" not in text_of(cut)
    assert done[ALONE].versus_alone == {}
    assert msgspec.json.decode(msgspec.json.encode(whole), type=SuiteTable) == whole


def test_an_ablation_is_compared_with_the_whole_over_common_seeds(tmp_path: Path) -> None:
    data, both = tiny_dataset(), replace(QUICK, seeds=(0, 1))
    run_suite("corec", data, tmp_path, replace(both, seeds=(1,)), only=["corec without contrast"], origin=HERE)
    run_suite("corec", data, tmp_path, both, only=["corec"], origin=HERE)

    results = {
        row.label: row for row in run_suite("corec", data, tmp_path, both, budget_s=0, origin=HERE).rows if row.seeds
    }

    part, whole = results["corec without contrast"], results["corec"]
    assert (part.seeds, whole.seeds) == ([1], [0, 1])
    assert part.versus_whole["all"].n_seeds == (1, 1)
    of_seed_1 = run_suite("corec", data, tmp_path, replace(both, seeds=(1,)), budget_s=0, origin=HERE)
    assert part.versus_whole == next(row for row in of_seed_1.rows if row.label == part.label).versus_whole


def test_without_common_seeds_all_are_compared(tmp_path: Path) -> None:
    data, both = tiny_dataset(), replace(QUICK, seeds=(0, 1))
    for seed, label in ((0, "corec"), (1, "corec without contrast")):
        run_suite("corec", data, tmp_path, replace(both, seeds=(seed,)), only=[label], origin=HERE)

    table = run_suite("corec", data, tmp_path, both, budget_s=0, origin=HERE)

    part = next(row for row in table.rows if row.label == "corec without contrast")
    assert part.versus_whole["all"].n_seeds == (1, 1)


def test_rows_that_cannot_be_run_are_listed_with_the_reason(tmp_path: Path) -> None:
    table = run_suite("corec", tiny_dataset(), tmp_path, QUICK, budget_s=0, origin=HERE)

    timed = [row for row in table.rows if row.split == "global time"]
    assert [row.missing for row in timed] == ["needs real timestamps"] * 2
    assert all(row.seeds == [] for row in timed)
    shown = " ".join(text_of(table).split())
    reason = "Cannot be run here (needs real timestamps):"
    assert f"{reason} backbone alone [global time], corec [global time]." in shown
    assert shown.count("[global time]") == 2
    assert not any(tmp_path.iterdir())


def test_no_cell_is_started_after_the_time_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted, ticks = Interrupted(99), iter([0.0, 1.0, 7.0, 7.0])
    monkeypatch.setattr(suite_run, "run_cell", counted)

    run_suite("corec", tiny_dataset(), tmp_path, QUICK, budget_s=5, origin=HERE, clock=lambda: next(ticks))

    assert len(counted.names) == 1


def test_time_left_is_estimated_from_cells_of_the_same_row(tmp_path: Path) -> None:
    data, options = tiny_dataset(), SuiteOptions(seeds=(0, 1), max_epochs=2)
    cells = suite_cells("corec", data, options)
    done = {cells[0].name: run_cell(cells[0], data, tmp_path / cells[0].name, HERE)}

    left = time_left(cells, done, tmp_path)

    result = done[cells[0].name]
    assert left.seconds == pytest.approx(result.seconds + result.evaluation_seconds)
    assert (left.n_estimated, left.n_unknown) == (1, 12)
    assert "unknown for 12" in left.sentence()


def test_all_rows_get_their_first_seed_before_any_gets_its_second() -> None:
    cells = suite_cells("sage", tiny_dataset(), SuiteOptions(seeds=(4, 7)))

    half = len(cells) // 2
    assert [cell.seed for cell in cells] == [4] * half + [7] * half
    assert [cell.name.rsplit("/", 1)[0] for cell in cells[:half]] == [
        cell.name.rsplit("/", 1)[0] for cell in cells[half:]
    ]


@pytest.mark.parametrize("name", SUITES)
def test_every_suite_has_the_backbone_alone_and_distinct_cells(name: str) -> None:
    models = ("some/model", "other/model")
    options = SuiteOptions(language_models=models, extractors=ExtractorConfig(text="minilm"))

    rows = variants(name, options)  # type: ignore[arg-type]  # parametrized by its values

    cells = [cell for row in rows for cell in cells_of(row, with_a_clock(), options)]
    assert rows[0].label == ALONE
    assert all(missing(row, with_a_clock()) is None for row in rows)
    assert len({cell.name for cell in cells}) == len(cells) == 3 * len(rows)
    wholes = {(row.label, row.split) for row in rows}
    assert all((row.part_of, row.split) in wholes for row in rows if row.part_of is not None)
    assert all((ALONE, row.split) in wholes for row in rows)


def test_histories_as_text_need_a_language_model() -> None:
    by_name = {row.label: row for row in variants("llmrec", SuiteOptions())}

    assert missing(by_name["llmrec with histories as text"], tiny_dataset()) == "needs a language model: --text minilm"


def test_the_settings_of_every_row_exist() -> None:
    configs = {"corec": CoRecConfig, "sage": SageConfig, "llmrec": LlmRecConfig}
    configs |= {"recfusion": RecFusionConfig, "coco": CoCoConfig, "transitions": TransitionsConfig}

    for row in variants("all", SuiteOptions(language_models=("some/model", "other/model"))):
        for plugin, settings in row.plugins.items():
            whole, part = configs[plugin](), configs[plugin](**settings)
            assert (part == whole) == (not settings), f"{row.label}: {settings} changes nothing"


def test_suites_share_the_cells_of_the_backbone_alone() -> None:
    data = tiny_dataset()

    first, second = (suite_cells(name, data, QUICK)[0] for name in ("corec", "coco"))

    assert first == second


def test_each_language_model_has_its_own_cells() -> None:
    data = tiny_dataset()

    frozen, tuned, other = (
        {cell.name: cell for cell in suite_cells("all", data, replace(QUICK, language_models=models))}
        for models in ((), ("minilm",), ("other/model",))
    )

    shared = frozen.keys() & tuned.keys() & other.keys()
    assert frozen.keys() & tuned.keys() == tuned.keys() & other.keys() == shared
    assert shared == {name for name, cell in frozen.items() if "coco" not in cell.config.plugins}


def test_all_contains_every_suite_and_the_five_together() -> None:
    rows = variants("all", QUICK)

    assert {row.label for name in SUITES if name != "all" for row in variants(name, QUICK)} < {r.label for r in rows}
    assert set(rows[-1].plugins) == {"corec", "sage", "llmrec", "recfusion", "coco"}


@pytest.mark.parametrize("added", ["coco", "corec"])
def test_coco_and_corec_can_be_trained_beside_llmrec(added: str) -> None:
    options = replace(QUICK, language_models=("minilm",))

    (cell,) = suite_cells("all", tiny_dataset(), options, [f"llmrec and {added}"])

    plugins = {str(name): settings for name, settings in cell.config.plugins.items()}
    assert set(plugins) == {"llmrec", added}
    assert plugins[added] == ({"language_model": "minilm"} if added == "coco" else {})


def test_each_plugin_is_left_out_of_all_five_once() -> None:
    rows = {row.label: row for row in variants("all", QUICK)}

    five, parts = rows["all five"], [row for row in rows.values() if row.part_of == "all five"]
    assert len(parts) == 5
    for part in parts:
        left_out = part.label.removeprefix("all five without ")
        assert dict(part.plugins) == {name: value for name, value in five.plugins.items() if name != left_out}
        assert left_out in five.plugins


def test_the_fine_tuning_ablation_needs_a_language_model() -> None:
    (row,) = [row for row in variants("coco", QUICK) if row.label == "coco without fine-tuning"]

    assert missing(row, tiny_dataset()) == "needs a language model"
    assert cells_of(row, tiny_dataset(), QUICK) == []


def test_a_cell_of_another_process_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, counted = tiny_dataset(), Interrupted(99)
    monkeypatch.setattr(suite_run, "run_cell", counted)
    first = tmp_path / suite_cells("corec", data, QUICK)[0].name
    first.parent.mkdir(parents=True)

    with locked(first.with_suffix(".lock"), "training"):
        table = run_suite("corec", data, tmp_path, QUICK, only=[ALONE], origin=HERE)

    assert counted.names == []
    assert [row.seeds for row in table.rows] == [[]] * len(table.rows)


def test_a_cell_that_another_process_has_finished_is_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiny_dataset()
    cells = suite_cells("corec", data, QUICK)
    ran: list[str] = []

    def run_two(cell: Cell, dataset: Dataset, folder: Path, origin: Origin) -> CellResult:
        """The other process finishes the second cell while this one runs the first."""
        ran.append(cell.name)
        if cell.name == cells[0].name:
            run_cell(cells[1], dataset, tmp_path / cells[1].name, origin)
        return run_cell(cell, dataset, folder, origin)

    monkeypatch.setattr(suite_run, "run_cell", run_two)

    table = run_suite("corec", data, tmp_path, QUICK, origin=HERE)

    assert ran == [cell.name for cell in cells if cell.name != cells[1].name]
    assert sum(len(row.seeds) for row in table.rows) == len(cells)


def test_only_the_requested_rows_are_trained(tmp_path: Path) -> None:
    table = run_suite("corec", tiny_dataset(), tmp_path, QUICK, only=["corec without contrast"], origin=HERE)

    assert [row.label for row in table.rows if row.seeds] == ["corec without contrast"]
    assert len(table.rows) == 9


def test_rows_of_new_items_are_compared_with_the_most_popular_new_items(tmp_path: Path) -> None:
    table = run_suite("llmrec", tiny_dataset(), tmp_path, QUICK, only=["backbone alone [new items]"], origin=HERE)

    section = "new item, among new"
    (row,) = (row for row in table.rows if row.seeds)
    ours, whole = (row.figures[name]["recall@10"].mean for name in (section, "new item"))
    most_popular = table.baselines["new items"]["most popular among new"][section]["recall@10"]
    text = text_of(table).partition("Recall@10 of new items")[2].partition("Lists of ten")[0]
    shown = [line.split("│") for line in text.splitlines() if "[new items]" in line]
    results = {parts[1].strip(): [part.strip() for part in parts[2:5]] for parts in shown}
    assert results["most popular among new [new items]"] == [f"{most_popular:.4f}", "1.00", EMPTY]
    assert results["backbone alone [new items]"] == [f"{ours:.4f}", f"{ours / most_popular:.2f}", f"{whole:.4f}"]
    assert float(results["nearest text [new items]"][2]) <= float(results["nearest text [new items]"][0])
    assert "Recall@10 of new items" in text_of(msgspec.structs.replace(table, baselines={})), "without a search"


def test_an_unknown_row_is_refused_with_the_choices() -> None:
    with pytest.raises(RunError, match=r"no row 'corec \[new items\]'; expected some of backbone alone, corec, "):
        suite_cells("corec", tiny_dataset(), QUICK, ["corec [new items]"])


def test_whole_systems_come_before_ablations_and_other_splits() -> None:
    labels = [cell.name.split("/")[3:5] for cell in suite_cells("all", tiny_dataset(), QUICK)]

    wholes = [
        "backbone-alone", "corec", "sage", "llmrec", "backbone-with-stand-ins-and-ID-dropout", "recfusion", "coco",
        "transitions", "llmrec-and-transitions", "llmrec-and-recfusion", "llmrec-and-coco", "llmrec-and-corec",
        "all-five",
    ]  # fmt: skip
    assert labels[: len(wholes)] == [["standard", name] for name in wholes]


def test_a_suite_without_seeds_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one seed"):
        SuiteOptions(seeds=())
