"""Output of ``pocketrec targets``: the list of targets, or one of them explained."""

from collections.abc import Sequence

import msgspec
from rich.table import Table

from edge_runtime.probe.target import AS_MANY_AS_FIT, FEWEST_THAT_FIT, IF_THEY_FIT, Target
from edge_runtime.terminal.console import Console
from edge_runtime.terminal.outcome import next_command, print_result

_KIB, _MIB = 1 << 10, 1 << 20
_EXAMPLE_ITEMS = 10_000


def print_targets(targets: Sequence[Target], *, as_json: bool) -> None:
    """Print the most important entries of each target."""
    if as_json:
        print_result({"targets": [_entries(target) for target in targets]})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("target", "for", "engines"):
        table.add_column(name, overflow="fold")
    table.add_column("bundle", justify="right")
    for target in targets:
        engines = ", ".join(choice.engine for choice in target.engines)
        table.add_row(target.name, target.description, engines, f"≤ {_size(target.budgets.bundle_bytes)}")
    console = Console()
    console.print(table)
    console.print("For your own target, copy a file of export/targets/, change it, and give its path.")
    console.print(next_command("targets", "raspberry-pi-5"))


def print_target(target: Target, *, as_json: bool) -> None:
    """Print every entry of a target with its meaning."""
    if as_json:
        print_result(_entries(target))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, text in explained(target):
        table.add_row(name, text)
    console = Console()
    console.print(target.name, style="bold")
    console.print(f"{target.description}.", soft_wrap=True)
    console.print(table)


def explained(target: Target) -> list[tuple[str, str]]:
    """Return what each entry of a target means, as names and sentences."""
    budgets, model, pictures = target.budgets, target.language_model, target.pictures
    variants = [f"{choice.engine} {choice.precision} ({choice.file})" for choice in target.engines]
    first = target.engines[0]
    lines = [
        ("engines", ", then ".join(variants) + ". A device uses one that passes the self-test here."),
        (
            "self-test",
            f"the state within {first.max_state_error:g} of the trained model's, and {first.min_overlap:.0%} of its "
            "ten best items",
        ),
        ("opset", f"{target.opset}, of the ONNX graphs"),
        ("modalities", ", ".join(target.modalities)),
        ("language model", "none: reasons come from templates" if model is None else _model(target)),
    ]
    if pictures is not None:
        lines.append(
            ("pictures", f"{pictures.side_pixels} pixels, quality {pictures.quality}, ≤ {_size(pictures.bytes)} in all")
        )
    lines += [
        ("transitions", _transitions(target)),
        ("ranking part", _ranking(target)),
        ("whole bundle", f"≤ {_size(budgets.bundle_bytes)}"),
    ]
    lines += [(f"  {role.replace('_', ' ')}", f"≤ {_size(limit)}") for role, limit in budgets.parts.items()]
    if budgets.peak_memory_bytes is not None:
        lines.append(("peak memory", f"≤ {_size(budgets.peak_memory_bytes)} resident, in the process that ranks"))
    if budgets.p95_ms is not None:
        lines.append(("latency", f"95 % of the lists of ten within {budgets.p95_ms:g} ms"))
    if budgets.peak_memory_bytes is not None or budgets.p95_ms is not None:
        lines.append(("checked on", ", ".join(target.machines) or "any machine"))
    return lines


def _model(target: Target) -> str:
    if target.language_model is None:
        return "none"
    quantization, context = target.language_model.quantization, target.language_model.context
    limit = target.budgets.parts.get("language_model")
    size = "" if limit is None else f", ≤ {_size(limit)}"
    tokens = "the model's own context" if context is None else f"a context of at most {context:,} tokens"
    return f"{quantization}{size}, {tokens}"


def _transitions(target: Target) -> str:
    chosen = target.transitions
    texts = {True: ", texts as codes", False: "", IF_THEY_FIT: ", and texts as codes if they fit"}[chosen.texts]
    if chosen.followers == AS_MANY_AS_FIT:
        followers = "as many followers of an item as the ranking part has room for, up to the whole graph"
        followers += (
            f", at least {chosen.at_least}" if chosen.at_least else f"; none if fewer than {FEWEST_THAT_FIT} fit"
        )
    else:
        followers = _followers(chosen.followers)
    return f"{followers}{texts}; {chosen.without_encoder} without an encoder"


def _followers(number: int) -> str:
    return f"{number} follower{'s' * (number > 1)} an item" if number else "none"


def _ranking(target: Target) -> str:
    size = _size(target.budgets.ranking_limit(_EXAMPLE_ITEMS))
    reserved = target.transitions.reserved(has_encoder=True)
    if target.transitions.number(has_encoder=True) is not None:
        beside = "without transitions"
    else:
        beside = f"besides {_followers(reserved)}" if reserved else "transitions included"
    return f"≤ {size} with {_EXAMPLE_ITEMS:,} items, {beside}"


def _entries(target: Target) -> dict[str, object]:
    return {**msgspec.to_builtins(target), "modalities": target.modalities}


def _size(n_bytes: int) -> str:
    return f"{n_bytes / _KIB:,.0f} KiB" if n_bytes < _MIB else f"{n_bytes / _MIB:,.0f} MiB"
