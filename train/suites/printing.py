"""Tables of a comparison for the terminal: a row for each variant, empty cells for variants without results."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from rich.table import Table

from train.evaluation.baselines import AMONG_NEW, MOST_POPULAR_NEW, NEW_ITEM
from train.evaluation.significance import Comparison, Spread
from train.full_model.choices import PLUGINS
from train.suites.suites import ALONE
from train.suites.table import SuiteRow, SuiteTable

EMPTY = "—"
# Two-sided significance level, without correction for multiple comparisons.
SIGNIFICANT = 0.05

_SCENARIOS = ("short sparse", "long dense", "drift", "new behaviour", "cold item")
_NEWCOMERS = tuple(f"newcomer {n}" for n in (1, 2, 3))
_NOISE = ("noise 10%", "noise 20%", "noise 30%")
_NEW_ITEMS = (NEW_ITEM, "old item", AMONG_NEW)
_FEEDBACK = ("recall@10_without", "recall@10_after", "gain")
# Digits of a commit, as in git.
_SHORT = 7
_LISTS = ("ild@10", "categories@10", "coverage@10", "gini@10")


def suite_tables(table: SuiteTable) -> Iterator[Table]:
    """Yield the tables of a suite: accuracy, scenarios, new users, noise, new items, lists, feedback, plug-ins."""
    yield _accuracy(table)
    # Rows without results are only in the first table.
    table = msgspec.structs.replace(table, rows=[row for row in table.rows if row.seeds])
    if not table.rows:
        return
    yield _gains(table, "NDCG@10 by scenario", _SCENARIOS)
    yield _recalls(table)
    yield from _parts(table)
    yield _gains(table, "NDCG@10 of new users: histories truncated to the newest 1, 2, 3 events", _NEWCOMERS)
    yield _retention(table)
    if any(section in row.figures for row in table.rows for section in _NEW_ITEMS):
        yield _gains(table, "NDCG@10 of new items, without training events", _NEW_ITEMS)
        yield _new_items(table)
    yield _lists(table)
    yield _plain(table, "One round of simulated feedback: recall among ten further items", "feedback", _FEEDBACK)
    for plugin in PLUGINS:
        rows = [row for row in table.rows if plugin in row.figures]
        if rows:
            yield _plugin_metrics(plugin, rows)


def describe_users(table: SuiteTable) -> str:
    """Return the users that a suite was trained on, in words."""
    return "all users" if table.n_users is None else f"{table.n_users:,} users"


def _accuracy(table: SuiteTable) -> Table:
    shown = Table(
        title=f"{table.name} over {table.backbone}, {table.data_name}, {describe_users(table)}, text {table.text}, "
        + "".join(f"language model {Path(model).name}, " for model in table.language_models)
        + f"at most {table.max_epochs} epochs"
    )
    # With several commits the rows may not be comparable.
    several_commits = len({commit for row in table.rows for commit in row.commits}) > 1
    accuracy = ("NDCG@10", "N@5", "R@5", "R@10", "not excl.", "vs alone", "vs whole")
    origin = ("epochs", "s", "on", *(("commit",) if several_commits else ()))
    _columns(shown, ("variant", "seeds", *accuracy, *origin))
    possible = [row for row in table.rows if row.missing is None or row.seeds]
    for row in possible:
        figures = row.figures.get("all", {})
        shown.add_row(
            _label(row),
            f"{len(row.seeds)} of {row.n_seeds}",
            *(_value(figures.get(name)) for name in ("ndcg@10", "ndcg@5", "recall@5", "recall@10")),
            _value(row.figures.get("history included", {}).get("ndcg@10")),
            _gain(row.versus_alone.get("all"), interval=True),
            _gain(row.versus_whole.get("all"), interval=True),
            ", ".join(map(str, row.epochs)) or EMPTY,
            ", ".join(f"{seconds:.0f}" for seconds in row.seconds) or EMPTY,
            "; ".join(row.devices) or EMPTY,
            *((", ".join(commit[:_SHORT] for commit in row.commits) or EMPTY,) if several_commits else ()),
        )
    shown.caption = _impossible(table.rows)
    return shown


def _impossible(rows: Sequence[SuiteRow]) -> str | None:
    """Return a sentence for each reason why rows cannot be run, None if all can be."""
    rows_by_reason: dict[str, list[str]] = {}
    for row in rows:
        if row.missing is not None and not row.seeds:
            rows_by_reason.setdefault(row.missing, []).append(_label(row))
    sentences = [f"Cannot be run here ({why}): {', '.join(labels)}." for why, labels in rows_by_reason.items()]
    return " ".join(sentences) or None


def _gains(table: SuiteTable, title: str, sections: Sequence[str]) -> Table:
    shown = Table(title=title)
    _columns(shown, ("variant", *sections))
    for row in table.rows:
        cells = []
        for section in sections:
            figures = row.figures.get(section, {})
            gain = row.versus_alone.get(section)
            n_users = figures.get("n_users")
            many = f" n={n_users.mean:,.0f}" if n_users is not None else ""
            against = f" ({_gain(gain)})" if gain is not None else ""
            cells.append(f"{_value(figures.get('ndcg@10'))}{against}{many}")
        shown.add_row(_label(row), *cells)
    return shown


def _recalls(table: SuiteTable) -> Table:
    shown = Table(title="Recall@10 by scenario (HR@10)")
    _columns(shown, ("variant", *_SCENARIOS))
    for row in table.rows:
        shown.add_row(_label(row), *(_value(row.figures.get(name, {}).get("recall@10")) for name in _SCENARIOS))
    return shown


def _parts(table: SuiteTable) -> Iterator[Table]:
    rows = [row for row in table.rows if row.versus_whole]
    if not rows:
        return
    shown = Table(title="NDCG@10 without a part, relative to the whole; negative if the part helps")
    _columns(shown, ("variant", "all", *_SCENARIOS))
    for row in rows:
        shown.add_row(_label(row), *(_gain(row.versus_whole.get(name)) for name in ("all", *_SCENARIOS)))
    yield shown


def _retention(table: SuiteTable) -> Table:
    shown = Table(title="Noise: share of NDCG@10 that remains with random clicks in the history")
    _columns(shown, ("variant", *_NOISE))
    for row in table.rows:
        kept = (row.figures.get(section, {}).get("retention_ndcg@10") for section in _NOISE)
        shown.add_row(_label(row), *(_value(value) for value in kept))
    return shown


def _new_items(table: SuiteTable) -> Table:
    """Show rows and baselines by split, relative to the most popular new items, the usual practice for new items."""
    shown = Table(title="Recall@10 of new items: among new items alone, and in the whole catalogue")
    _columns(shown, ("variant", "among new", "x most popular", "whole catalogue"))
    for split, baselines in table.baselines.items():
        entries = {f"{name} [{split}]": values for name, values in baselines.items()}
        rows = [row for row in table.rows if row.split == split and AMONG_NEW in row.figures]
        entries |= {f"{row.label} [{split}]": _means(row) for row in rows}
        most_popular = baselines[MOST_POPULAR_NEW][AMONG_NEW]["recall@10"]
        for label, sections in entries.items():
            among, whole = (sections.get(section, {}).get("recall@10") for section in (AMONG_NEW, NEW_ITEM))
            times = among / most_popular if among is not None and most_popular else None
            shown.add_row(
                label,
                *(
                    EMPTY if value is None else f"{value:.{digits}f}"
                    for value, digits in ((among, 4), (times, 2), (whole, 4))
                ),
            )
    return shown


def _means(row: SuiteRow) -> dict[str, dict[str, float]]:
    return {section: {name: value.mean for name, value in figures.items()} for section, figures in row.figures.items()}


def _lists(table: SuiteTable) -> Table:
    """Show the metrics of lists with the difference to the backbone alone, which an ablation does not tell."""
    shown = Table(title="Lists of ten, and the difference to the backbone alone")
    _columns(shown, ("variant", *_LISTS))
    alone = {row.split: row.figures.get("lists", {}) for row in table.rows if row.label == ALONE}
    for row in table.rows:
        ours, theirs = row.figures.get("lists", {}), alone.get(row.split, {}) if row.label != ALONE else {}
        shown.add_row(_label(row), *(_value_against(ours.get(name), theirs.get(name)) for name in _LISTS))
    return shown


def _plain(table: SuiteTable, title: str, section: str, names: Sequence[str]) -> Table:
    shown = Table(title=title)
    _columns(shown, ("variant", *names))
    for row in table.rows:
        shown.add_row(_label(row), *(_value(row.figures.get(section, {}).get(name)) for name in names))
    return shown


def _plugin_metrics(plugin: str, rows: Sequence[SuiteRow]) -> Table:
    shown = Table(title=f"Metrics of {plugin}")
    _columns(shown, ("metric", *(_label(row) for row in rows)))
    names = dict.fromkeys(name for row in rows for name in row.figures[plugin])
    for name in names:
        shown.add_row(name, *(_value(row.figures[plugin].get(name)) for row in rows))
    return shown


def _columns(table: Table, names: Sequence[str]) -> None:
    table.add_column(names[0])
    for name in names[1:]:
        table.add_column(name, justify="right")


def _label(row: SuiteRow) -> str:
    return row.label if row.split == "standard" else f"{row.label} [{row.split}]"


def _value(value: Spread | None) -> str:
    if value is None:
        return EMPTY
    if value.deviation is None:
        return f"{value.mean:.4f}"
    return f"{value.mean:.4f} ± {value.deviation:.4f}"


def _value_against(ours: Spread | None, theirs: Spread | None) -> str:
    if ours is None or theirs is None or not theirs.mean:
        return _value(ours)
    return f"{_value(ours)} ({ours.mean / theirs.mean - 1:+.1%})"


def _gain(comparison: Comparison | None, *, interval: bool = False) -> str:
    if comparison is None:
        return EMPTY
    size = f"{comparison.difference:+.4f}" if comparison.relative is None else f"{comparison.relative:+.1%}"
    between = f" ({comparison.low:+.4f} to {comparison.high:+.4f})" if interval else ""
    return f"{size}{between}, p {comparison.p_value:.4f}" + (" *" if comparison.p_value < SIGNIFICANT else "")
