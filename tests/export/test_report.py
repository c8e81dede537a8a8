"""The report of a bundle: self-contained, safe with any text, and with valid documents."""

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from playwright.sync_api import Browser

from edge_runtime.bundle import Manifest, open_folder
from edge_runtime.cli import main
from edge_runtime.profiling import report as profiling
from export.comparison import Comparison, SegmentComparison
from export.engine_reports import EngineReport
from export.errors import ReportError
from export.inferiority import Difference, Verdict
from export.report.bom import make_bom
from export.report.charts import Point, dots, scatter, treemap
from export.report.html import Html, element, table
from export.report.inputs import Fit, FitPoint, read_fit, read_profile
from export.report.page import ReportInputs, make_report
from export.report.statement import make_statement
from export.report.treemap import Box, squarify
from export.verify import Verification
from tests.tiny_bundle import make_tiny_bundle

HOSTILE = "</style></svg><script>document.title='x'</script><img src=x onerror=alert(1)>\"'&"


def difference(metric: str, verdict: Verdict = Verdict.NOT_WORSE) -> Difference:
    return Difference(
        metric=metric, ours=0.06, theirs=0.061, difference=-0.001, low=-0.002, high=0.0005, margin=0.003, n_changed=40,
        verdict=verdict,
    )  # fmt: skip


def comparison(kind: Any, against: str) -> Comparison:  # noqa: ANN401
    segments = [
        SegmentComparison(
            segment=segment, n_users=100, overlap=0.9, rbo=0.8, metrics=[difference("ndcg@10"), difference("recall@10")]
        )
        for segment in ("all users", "tail items")
    ]
    return Comparison(
        subject="reference int8",
        against=against,
        kind=kind,
        measured=True,
        ndcg_10=0.061,
        ratio=0.98,
        segments=segments,
    )


def verification(manifest: Manifest, name: str = "teacher", failures: tuple[str, ...] = ()) -> Verification:
    figures = {"history_excluded": {"ndcg@10": 0.06, "recall@10": 0.1}, "ndcg@10_standard_error": 0.002}
    engine = EngineReport(engine="reference", precision="int8", status="ok", state_error=1e-6, figures=figures)
    return Verification(
        bundle="b", name=manifest.name, target=manifest.target, release=manifest.release, n_users=100, n_test_users=200,
        engines=[engine], baseline_ndcg_10=0.05, compared=[comparison("full model", name)],
        baselines=[comparison("baseline", "popularity")], worst=[], undecided=[], reasons=None,
        bytes={"codes": 5}, ranking_bytes=manifest.ranking_bytes, bundle_bytes=manifest.bundle_bytes,
        budgets={"ranking_bytes": 300_000}, parity_failures=list(failures), budget_failures=[],
    )  # fmt: skip


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    make_tiny_bundle(tmp_path / "bundle")
    made = open_folder(tmp_path / "bundle").manifest
    provenance = {
        "data": "shop", "data_digest": "ab" * 32, "seed": "0", "run": "student", "pocketrec": "0.1.0",
        "commit": "c" * 40 + "-dirty", "tool_torch": "2.13.0",
    }  # fmt: skip
    return msgspec.structs.replace(made, provenance=provenance, licences=("CC-BY-4.0", "of our own"))


class Tags(HTMLParser):
    """Collects the names of all elements and the values of their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def hostile(manifest: Manifest) -> Manifest:
    provenance = dict.fromkeys(manifest.provenance, HOSTILE)
    return msgspec.structs.replace(manifest, name=HOSTILE, licences=(HOSTILE,), provenance=provenance)


def test_text_of_the_data_cannot_become_markup(manifest: Manifest) -> None:
    fit = Fit((FitPoint(HOSTILE, 1000, 0.1), FitPoint("b", 2000, 0.2)), (FitPoint(HOSTILE, 1000, 0.1),))
    inputs = hostile(manifest)

    page = make_report(
        ReportInputs(manifest=inputs, verification=verification(inputs, HOSTILE, (HOSTILE,)), fit=fit)
    ).decode()

    tags = Tags(page)
    assert not {"script", "img"} & set(tags.names)
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    assert page.count("</style>") == 1


def test_a_report_loads_nothing(manifest: Manifest) -> None:
    page = make_report(ReportInputs(manifest=manifest, verification=verification(manifest))).decode()

    tags = Tags(page)
    assert not {"script", "link", "img", "iframe"} & set(tags.names)
    addresses = [value for name, value in tags.attributes if name in ("href", "src")]
    assert addresses
    assert all(value.startswith(("#", "data:application/json;base64,")) for value in addresses)


def test_equal_inputs_give_equal_reports(manifest: Manifest) -> None:
    inputs = ReportInputs(manifest=manifest, verification=verification(manifest))

    assert make_report(inputs) == make_report(inputs)


def test_failures_are_at_the_top(manifest: Manifest) -> None:
    page = make_report(
        ReportInputs(manifest=manifest, verification=verification(manifest, failures=("tail items are worse",)))
    ).decode()

    assert "1 checks failed: do not ship it" in page
    assert "tail items are worse" in page


@pytest.mark.parametrize("is_hostile", [False, True], ids=["plain", "hostile"])
def test_the_bill_of_materials_is_valid_cyclonedx(manifest: Manifest, is_hostile: bool) -> None:
    inputs = hostile(manifest) if is_hostile else manifest
    bom = make_bom(inputs, verification(inputs, HOSTILE if is_hostile else "teacher"))

    validator = JsonStrictValidator(SchemaVersion.V1_7)

    assert validator.validate_str(json.dumps(bom)) is None
    assert validator.validate_str(json.dumps(bom | {"surplus": 1})) is not None


def test_the_bill_of_materials_has_digests_and_metrics_with_intervals(manifest: Manifest) -> None:
    bom = make_bom(manifest, verification(manifest))

    hashes = {one["name"]: one["hashes"][0]["content"] for one in bom["components"] if "hashes" in one}
    assert hashes["shop"] == "ab" * 32
    assert {entry.name: entry.sha256 for entry in manifest.files}.items() <= hashes.items()
    metrics = bom["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert metrics[0] == {
        "type": "NDCG@10",
        "value": "0.060000",
        "slice": "all users",
        "confidenceInterval": {"lowerBound": "0.056080", "upperBound": "0.063920"},
    }
    assert {one["slice"] for one in metrics} == {"all users", "tail items"}


def test_the_statement_names_every_file_and_what_it_was_built_from(manifest: Manifest) -> None:
    statement = make_statement(manifest)

    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    digests = {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}
    assert {entry.name: entry.sha256 for entry in manifest.files}.items() <= digests.items()
    assert "manifest.json" in digests
    found = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert {"name": "data:shop", "digest": {"sha256": "ab" * 32}} in found
    assert {"name": "pocketrec", "digest": {"gitCommit": "c" * 40}, "annotations": {"modified": True}} in found
    assert {"uri": "pkg:pypi/torch@2.13.0"} in found


def test_the_documents_in_the_page_are_those_of_the_bundle(manifest: Manifest) -> None:
    page = make_report(ReportInputs(manifest=manifest, verification=verification(manifest))).decode()

    saved = [json.loads(base64.b64decode(one)) for one in re.findall(r"base64,([A-Za-z0-9+/=]+)", page)]
    assert saved == [make_bom(manifest, verification(manifest)), make_statement(manifest)]


def test_rectangles_have_the_areas_of_their_sizes_and_fill_the_box() -> None:
    sizes = [6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0]

    boxes = squarify(sizes, Box(0, 0, 6, 4))

    assert [box.width * box.height for box in boxes] == pytest.approx(sizes)
    assert boxes[0] == pytest.approx(Box(0, 0, 3, 2))  # the example of the paper
    assert max(box.x + box.width for box in boxes) == pytest.approx(6)


def test_attributes_and_children_are_escaped_unless_they_are_markup() -> None:
    assert element("p", "<b>", Html("<i>x</i>"), title='"') == '<p title="&quot;">&lt;b&gt;<i>x</i></p>'
    assert "&lt;</td>" in table(("a", "b"), [("x", "<")])


def test_words_and_numbers_of_a_table_are_aligned_apart() -> None:
    shown = table(("step", "ms", "why"), [("open", "", "none"), ("list", "<1%", "")])

    assert '<th scope="col" class="words">why</th>' in shown
    assert '<th scope="col">ms</th>' in shown
    assert '<td class="words">none</td>' in shown


def test_charts_of_zeros_and_of_one_point_can_be_drawn() -> None:
    assert "nan" not in dots({"all": {"bundle": 0.0}}, label="x")
    assert "nan" not in scatter([Point(100, 0.1, "a", "point")], [(100, 0.1)], label="x", x_label="", y_label="")


def test_marks_of_an_axis_are_round_and_enough() -> None:
    points = [Point(100_000, 0.02, "a", "point"), Point(200_000, 0.08, "b", "point")]

    shown = scatter(points, [], label="x", x_label="bytes", y_label="NDCG@10")

    assert all(f">{mark}<" in shown for mark in ("96 KiB", "128 KiB", "192 KiB", "0.02", "0.08", "bytes", "NDCG@10"))


def test_files_that_differ_by_their_suffix_can_be_told_apart_where_there_is_little_room() -> None:
    shown = treemap({"encoder.onnx": 10, "encoder.tflite": 10, "codes.safetensors": 200}, label="x", groups={})

    assert all(f">{name}<" in shown for name in (".onnx", ".tflite", "codes.safetensors"))


def test_other_json_is_refused_with_its_origin(tmp_path: Path) -> None:
    (tmp_path / "fit.json").write_text("{}")

    with pytest.raises(ReportError, match="pocketrec fit"):
        read_fit(tmp_path)
    with pytest.raises(ReportError, match="cannot be read"):
        read_profile(tmp_path / "none.json")


def test_the_command_writes_a_report_of_a_verification(
    tmp_path: Path, manifest: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    verified = tmp_path / "verified.json"
    verified.write_bytes(msgspec.json.encode(verification(manifest)))
    arguments = ["report", str(tmp_path / "bundle"), "--verified", str(verified), "--json"]

    with pytest.raises(SystemExit) as stopped:
        main(arguments)

    assert not stopped.value.code
    printed = json.loads(capsys.readouterr().out)
    assert printed["passed"]
    assert Path(printed["report"]).read_bytes().startswith(b"<!doctype html>")


def test_a_verification_of_another_bundle_is_refused(
    tmp_path: Path, manifest: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    other = msgspec.structs.replace(manifest, release=manifest.release + 1)
    (tmp_path / "verified.json").write_bytes(msgspec.json.encode(verification(other)))

    with pytest.raises(SystemExit) as stopped:
        main(["report", str(tmp_path / "bundle"), "--verified", str(tmp_path / "verified.json")])

    assert stopped.value.code == 1
    assert "Verify this bundle again" in capsys.readouterr().err


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1100, "light"), (1100, "dark"), (360, "light")])
def test_a_browser_shows_it_without_requests_errors_or_sideways_scrolling(
    browser: Browser,
    tmp_path: Path,
    manifest: Manifest,
    width: int,
    scheme: Any,  # noqa: ANN401
) -> None:
    page = tmp_path / "report.html"
    page.write_bytes(make_report(ReportInputs(manifest=manifest, verification=verification(manifest))))
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab = context.new_page()
    requests: list[str] = []
    problems: list[str] = []
    tab.on("request", lambda request: requests.append(request.url))
    tab.on("console", lambda message: problems.append(message.text))

    tab.goto(page.as_uri())

    assert (requests, problems) == ([page.as_uri()], [])
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


def reported(place: Path, manifest: Manifest, **others: Any) -> str:  # noqa: ANN401
    """Return the report of a profile of one row; ``others`` are further parts of the profile."""
    row = profiling.Row(
        phase="steady",
        step="encode",
        variant="laptop, numpy",
        wall_ms=profiling.Distribution(runs=9, minimum=0.9, median=1.25, p90=None, p95=None, p99=None),
        cpu_ms=None,
        seconds=0.1,
        uncertainty=0.07,
        wall_by_cpu=None,
        drift=None,
        limit=profiling.Limit(ms=0.25, bound_by="reading", bytes=9, operations=None, share=0.2),
        no_limit=None,
        verdict=profiling.Verdict("noisy"),
    )
    machine = {"system": "Linux", "processor": "a processor", "runtime": "Python", "clock_ns": 50.0}
    none = ("cores", "memory", "load", "read_bytes_per_s", "operations_per_s", "digest_bytes_per_s", "disk_flush_ms")
    empty = ("bundles", "engines", "ratios", "outputs", "memory", "language_models", "budgets", "notes")
    written = {
        **dict.fromkeys(empty, ()),
        **{"created": "today", "mode": "quick", "seed": 0, "rows": [msgspec.to_builtins(row)]},
        "machine": machine | dict.fromkeys(none),
        "histories": {"source": "golden", "count": 1, "shortest": 1, "median": 1, "longest": 1},
        "verdict": {"state": "noisy", "reasons": ["busy"]},
    }
    (place / "p.json").write_bytes(msgspec.json.encode(written | others))
    profile = read_profile(place / "p.json")
    return make_report(ReportInputs(manifest=manifest, verification=verification(manifest), profile=profile)).decode()


def test_the_latencies_of_a_profile_are_shown_with_their_limits(tmp_path: Path, manifest: Manifest) -> None:
    report = reported(tmp_path, manifest)

    for shown in ("a processor", "The times are", "noisy", "busy", ">1.25<", ">7%<", ">0.250<", "reading", "20%"):
        assert shown in report
    assert "Ratios of times" not in report


def test_a_comparison_says_what_was_compared_and_shows_the_ratios(tmp_path: Path, manifest: Manifest) -> None:
    bundles = [profiling.ProfiledBundle("", name, 1, "laptop", 10, 2345) for name in ("old", "new")]
    ratio = profiling.Ratio("list", "B numpy", "A numpy", "thread CPU", 48, 12, 0.9, 0.875, 0.925, 0.99)

    report = reported(
        tmp_path,
        manifest,
        bundles=bundles,
        ratios=[ratio],
        notes=["times are vague"],
        verdict=profiling.Verdict("valid"),
    )

    for shown in ("new, laptop, release 1, 2,345 bytes", "The ratios are", "valid", "times are vague", "0.900"):
        assert shown in report
    assert "0.875 to 0.925" in report


def test_the_profile_of_an_older_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"created": "today", "rows": []}')

    with pytest.raises(ReportError, match="pocketrec profile --json"):
        read_profile(tmp_path / "p.json")
