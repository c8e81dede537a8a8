"""Assembles a report: one HTML file with its style and charts inside, which loads nothing."""

import base64
import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from edge_runtime.bundle import Manifest
from edge_runtime.profiling.report import Profile
from edge_runtime.version import __version__
from export.report import latency, sections
from export.report.bom import make_bom
from export.report.html import Html, element, join
from export.report.inputs import Fit
from export.report.statement import make_statement
from export.verify import Verification

# Nothing may be loaded or run, whatever a catalogue contains.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_KIB: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInputs:
    """Everything that a report shows; profile and fit are optional."""

    manifest: Manifest
    verification: Verification
    profile: Profile | None = None
    fit: Fit | None = None


def make_report(inputs: ReportInputs) -> bytes:
    """Return the HTML file; equal inputs and versions give equal bytes."""
    manifest, verification = inputs.manifest, inputs.verification
    parts = [
        sections.model_card(manifest, verification),
        sections.checks(verification),
        sections.quality(verification),
        sections.sizes(manifest, verification),
        *([] if inputs.fit is None else [sections.front(inputs.fit)]),
        latency.latency(verification, inputs.profile),
        latency.memory(inputs.profile),
        sections.privacy(manifest),
        sections.licences(manifest, _documents(manifest, verification)),
    ]
    title = f"{manifest.name}, {manifest.target}, release {manifest.release}"
    links = element("nav", *(element("a", one.title, href=f"#{one.anchor}") for one in parts), aria_label="Sections")
    bodies = [
        element("section", element("h2", one.title, id=f"{one.anchor}-title"), one.body, id=one.anchor,
                aria_labelledby=f"{one.anchor}-title")
        for one in parts
    ]  # fmt: skip
    body = element("body", _header(title, verification), links, element("main", *bodies), _footer())
    return f"<!doctype html>\n{element('html', _head(title), body, lang='en')}\n".encode()


def _head(title: str) -> Html:
    style = (files("export.report") / "style.css").read_text("utf-8")
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", Html(style)),
    )


def _header(title: str, verification: Verification) -> Html:
    n_failures = len(verification.parity_failures) + len(verification.budget_failures)
    verdict = f"{n_failures} checks failed: do not ship it" if n_failures else "All checks passed"
    return element(
        "header",
        element("h1", title),
        element("p", verdict, class_=f"verdict {'failed' if n_failures else 'passed'}"),
        element("div", *_tiles(verification), class_="tiles"),
    )


def _tiles(verification: Verification) -> list[Html]:
    tiles = [
        (f"{verification.ranking_bytes / _KIB:,.0f} KiB", "to rank"),
        (f"{verification.bundle_bytes / _KIB:,.0f} KiB", "in all"),
    ]
    engine = next((one for one in verification.engines if one.figures), None)
    if engine is not None:
        metrics = engine.figures["history_excluded"]
        tiles.insert(0, (f"{metrics['ndcg@10']:.4f}", "NDCG@10"))
        tiles.insert(1, (f"{metrics['recall@10']:.4f}", "Recall@10"))
    measured = [one for one in verification.compared if one.kind == "full model" and one.subject != "student"]
    if measured:
        tiles.append((f"{measured[-1].ratio:.1%}", "of the full model's NDCG@10"))
    return [element("div", element("b", value), element("span", name)) for value, name in tiles]


def _documents(manifest: Manifest, verification: Verification) -> Html:
    documents = {
        "Bill of materials (CycloneDX 1.7)": ("sbom.cdx.json", make_bom(manifest, verification)),
        "Provenance (in-toto, SLSA; not signed)": ("provenance.intoto.json", make_statement(manifest)),
    }
    return join(_document(title, name, value) for title, (name, value) in documents.items())


def _document(title: str, name: str, value: dict[str, Any]) -> Html:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    address = f"data:application/json;base64,{base64.b64encode(text.encode()).decode()}"
    return join(
        [
            element("h3", title),
            element("p", element("a", f"Save {name}", href=address, download=name)),
            element("details", element("summary", "Show"), element("pre", text, tabindex="0")),
        ]
    )


def _footer() -> Html:
    return element("footer", element("p", f"Made by pocketrec {__version__}. This file loads nothing.", class_="quiet"))
