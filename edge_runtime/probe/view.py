"""Shows a probe as lines of text."""

from edge_runtime.probe.report import Check, Probe, Range
from edge_runtime.terminal.console import Console

_STATES = {True: ("yes", "green"), False: ("no", "bold red"), None: ("note", "yellow")}
_MIB, _GIB = 1 << 20, 1 << 30


def show(found: Probe, console: Console) -> None:
    """Print a probe: the machine, the prediction, and each check with its fix."""
    subject, machine, prediction = found.subject, found.machine, found.prediction
    what = f"{subject.kind} {subject.name!r}" + (f" for {subject.target}" if subject.target != subject.name else "")
    lines = [
        f"{what}: {subject.n_items:,} items, {subject.bytes / _MIB:,.1f} MiB ({subject.source})",
        f"{machine.processor}, {machine.cores} cores; {_memory(found)}; {_peaks(found)}",
        f"a list of ten: {_range(prediction.recommend_ms)} ms at the median, {_range(prediction.recommend_p95_ms)} ms "
        f"at p95; the physical limit is {prediction.work.limit_ms:.2g} ms ({prediction.work.bound_by})",
    ]
    model = prediction.language_model
    if model is not None:
        lines.append(
            f"language model: first token after {_range(model.first_token_ms)} ms, then {_range(model.tokens_per_s)} "
            f"tokens a second (the physical limits are {model.limit_first_token_ms:.2g} ms and "
            f"{model.limit_tokens_per_s:,.0f}); {model.memory.low / _MIB:,.0f} to {model.memory.high / _MIB:,.0f} MiB "
            "in a process of its own"
        )
    for line in lines:
        console.print(line, soft_wrap=True)
    for check in found.checks:
        _show_check(check, console)
    verdict = "It will run here." if found.runs else "It will not run here as it should."
    console.print(verdict, style="green" if found.runs else "bold red")


def _show_check(check: Check, console: Console) -> None:
    word, style = _STATES[check.passed]
    fix = f". Fix: {check.fix}" if check.fix else ""
    console.print(f"{word:4} {check.name}: {check.text}{fix}", style=style, soft_wrap=True)


def _memory(found: Probe) -> str:
    free = "unknown" if found.available_memory is None else f"{found.available_memory / _GIB:.1f} GiB"
    return f"available memory {free}"


def _peaks(found: Probe) -> str:
    reading = max((int(size), speed) for size, speed in (found.machine.read_bytes_per_s or {}).items())[1]
    computing = found.machine.operations_per_s or 0.0
    return f"one core reads {reading / 1e9:.1f} GB/s and computes {computing / 2e9:.1f} billion multiply-adds a second"


def _range(one: Range) -> str:
    return f"{_figure(one.low)} to {_figure(one.high)}"


def _figure(value: float) -> str:
    return f"{value:.2g}" if value < 100 else f"{value:,.0f}"
