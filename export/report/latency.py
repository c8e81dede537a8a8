"""The sections of a report about a profile: times with their physical limits, ratios, and memory."""

from collections.abc import Mapping
from typing import Final

from edge_runtime.profiling.report import Profile, Ratio, Row
from edge_runtime.profiling.view import CLOCKS, milliseconds
from export.report.html import Html, Section, element, facts, join, share, table
from export.verify import Verification

_MIB: Final = 1 << 20
_STATES: Final = {"valid": "ok", "noisy": "unsure", "invalid": "failed"}
_TIMES: Final[Mapping[str, str]] = {
    "valid": "",
    "noisy": ": they were disturbed, and a quiet machine would be faster",
    "invalid": ": measure again",
}
_RATIOS: Final[Mapping[str, str]] = {**_TIMES, "noisy": ": trust those of CPU times whose intervals are narrow"}


def latency(verification: Verification, profile: Profile | None) -> Section:
    """Return times with physical limits if there is a profile, otherwise those of the verification."""
    return Section("latency", "Latency", join(_verified(verification) if profile is None else _profiled(profile)))


def memory(profile: Profile | None) -> Section:
    """Return resident memory by engine."""
    if profile is None or not profile.memory:
        text = "Not measured. `pocketrec profile BUNDLE --json` measures it in processes of its own (--profile)."
        return Section("memory", "Memory", element("p", text, class_="quiet"))
    rows = [
        [one.variant, *(f"{size / _MIB:.1f}" for size in (one.started, one.opened, one.peak))] for one in profile.memory
    ]
    return Section("memory", "Memory", table(("variant", "interpreter, MiB", "bundle open, MiB", "peak, MiB"), rows))


def _verified(verification: Verification) -> list[Html]:
    rows = [
        (one.name, step, milliseconds(times["p50_ms"]), milliseconds(times["p90_ms"]))
        for one in verification.engines
        for step, times in one.latency.items()
    ]
    note = "Measured beside the verification, without limits; `pocketrec profile` measures with them (--profile)."
    return [element("p", note, class_="quiet"), table(("engine", "step", "median ms", "p90 ms"), rows)]


def _profiled(profile: Profile) -> list[Html]:
    rows = [_times(row, before) for before, row in zip((None, *profile.rows), profile.rows, strict=False)]
    header = ("variant", "step", "runs", "median ms", "±", "p95 ms", "limit ms", "bound by", "share reached")
    return [*_measured_on(profile), table(header, rows), *_ratios(profile)]


def _measured_on(profile: Profile) -> list[Html]:
    """Return what was measured, where and when, and whether the figures can be trusted."""
    machine, verdict, compared = profile.machine, profile.verdict, len(profile.bundles) > 1
    said = element(
        "p",
        "The ratios are " if compared else "The times are ",
        element("strong", verdict.state, class_=_STATES[verdict.state]),
        f"{(_RATIOS if compared else _TIMES)[verdict.state]}.",
    )
    reasons = [element("li", reason) for reason in (*verdict.reasons, *profile.notes)]
    bundles = [
        (f"bundle {label}", f"{one.name}, {one.target}, release {one.release}, {one.bundle_bytes:,} bytes")
        for label, one in zip("AB", profile.bundles, strict=False)
    ]
    return [
        element("p", f"{machine.processor}, {machine.system}, {profile.created}, mode {profile.mode}.", class_="quiet"),
        *([facts(bundles)] if compared else []),
        said,
        *([element("ul", *reasons, class_="quiet")] if reasons else []),
    ]


def _times(row: Row, before: Row | None) -> tuple[str, ...]:
    """Return a row of the table; a variant is named once."""
    return (
        "" if before is not None and before.variant == row.variant else row.variant,
        row.step,
        f"{row.wall_ms.runs:,}",
        milliseconds(row.wall_ms.median),
        "" if row.uncertainty is None else share(row.uncertainty),
        milliseconds(row.wall_ms.p95),
        "" if row.limit is None else milliseconds(row.limit.ms),
        (row.no_limit or "no limit") if row.limit is None else row.limit.bound_by,
        "" if row.limit is None else share(row.limit.share),
    )


def _ratios(profile: Profile) -> list[Html]:
    """Return the ratios on both clocks; nothing if there are none."""
    found: dict[tuple[str, str, str], dict[str, Ratio]] = {}
    for one in profile.ratios:
        found.setdefault((one.variant, one.against, one.step), {})[one.clock] = one
    rows = [
        (f"{variant} / {against}", step, *(cell for clock in CLOCKS for cell in _interval(by_clock.get(clock))))
        for (variant, against, step), by_clock in found.items()
    ]
    header = ("times", "step", "CPU", "interval", "wall", "interval")
    caption = "Ratios of times, pair by pair, with intervals of 99 %"
    return [table(header, rows, caption=caption)] if rows else []


def _interval(ratio: Ratio | None) -> tuple[str, str]:
    return ("", "") if ratio is None else (f"{ratio.median:.3f}", f"{ratio.low:.3f} to {ratio.high:.3f}")
