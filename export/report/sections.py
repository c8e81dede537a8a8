"""The sections of a report."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from edge_runtime.bundle import Manifest
from export.comparison import Comparison
from export.engine_reports import EngineReport
from export.inferiority import Verdict
from export.report.bom import architecture, installed_version, runtime_libraries
from export.report.charts import Interval, Point, dots, intervals, scatter, treemap
from export.report.html import Html, Section, element, facts, join, share, table
from export.report.inputs import Fit
from export.segments import DEFINITIONS
from export.verify import Verification

_METRICS: Final = {"ndcg@10": "NDCG@10", "recall@10": "Recall@10"}
_GROUPS: Final = {
    "encoder": 0, "codes": 0, "prompts": 0, "adapter": 0, "transitions": 1, "similarity": 1, "items": 2, "pictures": 2,
    "language_model": 3, "golden": 4, "popularity": 4,
}  # fmt: skip
_BUDGETS: Final = {
    "ranking_bytes": "files for ranking", "bundle_bytes": "all files", "part:items": "catalogue",
    "part:pictures": "pictures", "part:language_model": "language model",
}  # fmt: skip
_GROUP_NAMES: Final = ("encoder and item codes", "transitions", "catalogue", "language model", "checks and fallback")

SENT_BY_ENGINE: Final[Mapping[str, tuple[str, str]]] = {
    "onnxruntime": (
        "on import, a device id, and data about the machine, the model and the session to "
        "mobile.events.data.microsoft.com",
        "ORT_DISABLE_TELEMETRY=1 is set before the import",
    ),
    "litert": ("nothing found", ""),
    "reference": ("nothing: numpy alone", ""),
    "transitions": ("nothing: numpy alone", ""),
    "language model": ("nothing found in llama.cpp; it can download models", "never asked to; a process of its own"),
}
"""What the library of an engine would send by default, and what prevents it (docs/privacy.md)."""


def model_card(manifest: Manifest, verification: Verification) -> Section:
    """Return what the bundle is and what it is for."""
    provenance = manifest.provenance
    pairs = [
        ("Purpose", "Ranks the items of one catalogue on the user's own device, after the user's own events."),
        ("Not for", "Other catalogues, decisions about people, and claims about why somebody wants something."),
        ("Model", architecture(manifest)),
        ("Catalogue", f"{manifest.catalogue.n_items:,} items"),
        ("Data", f"{provenance.get('data', 'unknown')}, SHA-256 {provenance.get('data_digest', 'unknown')}"),
        ("Tested on", f"{verification.n_users:,} of {verification.n_test_users:,} users, each one's last event"),
        ("Trained as", f"run {provenance.get('run', 'unknown')}, seed {provenance.get('seed', 'unknown')}"),
        ("Made", f"{manifest.created} by pocketrec {provenance.get('pocketrec', 'unknown')}"),
        ("Needs", f"runtime {manifest.minimum_runtime} or newer"),
        (
            "Limits",
            "Leave-one-out uses events of other users after the prediction, so quality in use may be lower. Items "
            "that are not in the catalogue cannot be recommended.",
        ),
    ]
    return Section("card", "Model card", facts(pairs))


def checks(verification: Verification) -> Section:
    """Return the verdict of the verification, engine by engine."""
    found = [*verification.parity_failures, *verification.budget_failures]
    parts: list[Html] = []
    if found:
        parts.append(element("ul", *(element("li", one, class_="failed") for one in found)))
    header = ("engine", "self-test", "state error", "top ten of the first engine", "NDCG@10", "Recall@10")
    parts.append(table(header, map(_engine_row, verification.engines), caption="Engines on the test users"))
    reasons = verification.reasons
    if reasons is not None:
        parts.append(element("p", f"Reasons: the facts of {reasons.n_true} of {reasons.n_reasons} are true."))
    if verification.undecided:
        parts.append(element("h3", "Undecided: too few users"))
        parts.append(element("ul", *(element("li", one, class_="unsure") for one in verification.undecided)))
    return Section("parity", "Parity", join(parts))


def _engine_row(one: EngineReport) -> Sequence[str]:
    metrics = one.figures.get("history_excluded", {})
    return (
        one.name,
        one.status,
        "" if one.state_error is None else f"{one.state_error:.1e}",
        "" if one.agreement is None else f"{one.agreement:.4f}",
        *(f"{metrics[name]:.4f}" if name in metrics else "" for name in _METRICS),
    )


def quality(verification: Verification) -> Section:
    """Return the quality by segment, with models and baselines."""
    measured = [one for one in verification.compared if one.measured and one.subject != "student"]
    others = [*_by_reference(measured), *verification.baselines]
    parts: list[Html] = []
    if others:
        rows = {
            part.segment: {"bundle": part.metrics[0].ours}
            | {_name(one): one.segments[index].metrics[0].theirs for one in others}
            for index, part in enumerate(others[0].segments)
        }
        names = list(next(iter(rows.values())))
        parts += [element("h3", "NDCG@10 by segment"), _legend([f"series-{i}" for i in range(len(names))], names)]
        parts.append(dots(rows, label=f"NDCG@10 by segment of {', '.join(names)}; the table below has the numbers"))
        users = {part.segment: f"{part.n_users:,}" for part in others[0].segments}
        cells = [[name, users[name], *(f"{value:.4f}" for value in row.values())] for name, row in rows.items()]
        parts.append(table(("segment", "users", *names), cells))
    for one in _by_reference(measured):
        parts += _comparison(one)
    if not measured:
        parts.append(element("p", "Not compared with the models that it was made from (--run).", class_="unsure"))
    parts.append(element("h3", "Segments"))
    parts.append(facts(DEFINITIONS.items()))
    return Section("quality", "Quality", join(parts))


def _name(one: Comparison) -> str:
    return one.against if one.kind == "baseline" else one.title.removeprefix("the ")


def _by_reference(compared: Iterable[Comparison]) -> list[Comparison]:
    """Return the first comparison with each reference: that of the first engine."""
    return list({one.against: one for one in reversed(list(compared))}.values())[::-1]


def _comparison(one: Comparison) -> list[Html]:
    title = f"Against {one.title}"
    rows = [
        Interval(
            part.segment,
            found.difference / found.theirs if found.theirs else 0.0,
            found.low / found.theirs if found.theirs else 0.0,
            found.high / found.theirs if found.theirs else 0.0,
            found.margin / found.theirs if found.theirs else 0.0,
            found.verdict.value,
        )
        for part in one.segments
        for found in part.metrics[:1]
    ]
    cells = [
        [
            part.segment if index == 0 else "",
            _METRICS[found.metric],
            f"{found.ours:.4f}",
            _signed(found.difference),
            f"{_signed(found.low)} to {_signed(found.high)}",
            f"{found.margin:.4f}",
            f"{part.overlap:.3f}" if index == 0 else "",
            f"{part.rbo:.3f}" if index == 0 else "",
            found.verdict.value,
        ]
        for part in one.segments
        for index, found in enumerate(part.metrics)
    ]
    header = ("segment", "metric", "bundle", "difference", "interval", "margin", "top ten", "RBO", "verdict")
    return [
        element("h3", title),
        element(
            "p", "Relative difference in NDCG@10; the dashed mark is the largest loss that is allowed.", class_="quiet"
        ),
        _legend([one.value.replace(" ", "-") for one in Verdict], [one.value for one in Verdict]),
        intervals(rows, label=f"{title}: relative difference in NDCG@10; the table below has the numbers"),
        table(header, cells),
    ]


def sizes(manifest: Manifest, verification: Verification) -> Section:
    """Return the bytes of the bundle with the budgets of its target."""
    groups = {entry.name: _GROUPS.get(entry.role, 4) for entry in manifest.files}
    used = sorted(set(groups.values()))
    chart = treemap(
        {entry.name: entry.bytes for entry in manifest.files},
        label="Bytes of each file; the table below has the numbers",
        groups=groups,
    )
    actual = {"ranking_bytes": verification.ranking_bytes, "bundle_bytes": verification.bundle_bytes}
    budgets = [
        [_BUDGETS.get(name, name), f"{size:,}", f"{allowed:,}", share(size / allowed)]
        for name, allowed in verification.budgets.items()
        for size in [actual.get(name, verification.bytes.get(name.removeprefix("part:"), 0))]
    ]
    files = [
        [entry.name, entry.role, f"{entry.bytes:,}"] for entry in sorted(manifest.files, key=lambda one: -one.bytes)
    ]
    return Section(
        "bytes",
        "Bytes and budgets",
        join(
            [
                table(("budget", "bytes", "allowed", "used"), budgets, caption=f"Budgets of {manifest.target}"),
                _legend([f"tile-{group}" for group in used], [_GROUP_NAMES[group] for group in used]),
                chart,
                table(("file", "role", "bytes"), files),
            ]
        ),
    )


def front(fit: Fit) -> Section:
    """Return the Pareto front of the search for sizes."""
    points = [Point(one.ranking_bytes, one.ndcg, one.point, "point") for one in fit.points]
    points += [Point(one.n_bytes, one.ndcg, one.name, "other") for one in fit.baselines]
    points += [Point(one.ranking_bytes, one.ndcg, f"best of {one.budget}: {one.point}", "best") for one in fit.best]
    line = sorted((float(one.ranking_bytes), one.ndcg) for one in fit.pareto_front)
    rows = [[one.point, f"{one.ranking_bytes:,}", f"{one.ndcg:.4f}"] for one in fit.pareto_front]
    label = "NDCG@10 on validation users over bytes for ranking; the table below has the front"
    body = [
        _legend(["point", "other", "best"], ["measured, with the Pareto front", "rows of numbers", "best of a budget"]),
        scatter(points, line, label=label, x_label="bytes for ranking", y_label="NDCG@10, validation users"),
        table(("Pareto front", "bytes", "NDCG@10, validation"), rows),
    ]
    return Section("front", "Size against quality", join(body))


def privacy(manifest: Manifest) -> Section:
    """Return what leaves the device: nothing, and what each library would send by default."""
    names = [one.engine for one in manifest.engines] or ["transitions"]
    names += ["language model"] if manifest.language_model is not None else []
    rows = [(name, *SENT_BY_ENGINE.get(name, ("not examined", ""))) for name in dict.fromkeys(names)]
    body = [
        element(
            "p",
            "The history stays on the device. Recommending, explaining and observing send nothing; a sync asks for "
            "files by digest and sends no part of the history. The bundle holds no history of a user: golden vectors "
            "are walks over transitions of different users, and counts leave out each user's two newest events.",
        ),
        element("div", table(("engine", "would send by default", "prevented by"), rows), class_="words"),
        element("p", "Checked by tests that record every look-up and connection of real processes.", class_="quiet"),
    ]
    return Section("privacy", "Privacy", join(body))


def licences(manifest: Manifest, downloads: Html) -> Section:
    """Return licences, the bill of materials and the provenance."""
    stated = ", ".join(manifest.licences) or "none stated: export with --licence"
    rows = [[name, installed_version(name) or "", licence] for name, licence in runtime_libraries(manifest)]
    body = [
        facts([("Data and models", stated)]),
        table(("library on a Python device", "version here", "licence"), rows),
        downloads,
    ]
    return Section("licences", "Licences and provenance", join(body))


def _signed(value: float) -> str:
    """Return a difference with its sign, and zero without."""
    shown = f"{value:+.4f}"
    return shown if float(shown) else "0.0000"


def _legend(classes: Sequence[str], names: Sequence[str]) -> Html:
    def mark(kind: str) -> Html:
        circle = element("circle", cx=6, cy=6, r=6, class_=kind)
        return element("svg", circle, viewBox="0 0 12 12", aria_hidden="true")

    return element(
        "ul",
        *(element("li", mark(kind), name) for kind, name in zip(classes, names, strict=True)),
        class_="legend",
    )
