"""The cases of `tests/golden/reasons-v3/`: reasons that the Python and browser runtimes must both give.

Each file has a catalogue and lists to explain, with the evidence for their items. After a deliberate change of facts,
names, phrases or costs, regenerate the expected values with ``python -m tests.golden_reasons`` and review the diff.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.bundle.items import Field, Items
from edge_runtime.bundle.manifest import TransitionSettings
from edge_runtime.bundle.transitions import Transitions, dump_transitions, unpack_transitions
from edge_runtime.explainer import Explainer, Listed, Manner, Reason
from edge_runtime.reasons.claims import Claim
from edge_runtime.reasons.evidence import Evidence
from edge_runtime.reasons.facts import Fact
from edge_runtime.reasons.prompt import prompt

FOLDER = Path(__file__).parent / "golden" / "reasons-v3"

Json = dict[str, Any]


def paths() -> list[Path]:
    """Return the files, by name."""
    return sorted(FOLDER.glob("*.json"))


def make_items(catalogue: Json) -> Items:
    """Return the items of a catalogue in a file."""
    fields = {name: Field(field["values"], field["rows"]) for name, field in catalogue["fields"].items()}
    return Items(catalogue["item_id"], catalogue["title"], fields)


def make_transitions(catalogue: Json) -> Transitions | None:
    """Return the transitions of a catalogue, which has the followers of each item with their levels; or None."""
    table = catalogue["transitions"]
    if table is None:
        return None
    n_items = len(catalogue["title"])
    offsets = np.concatenate([[0], np.cumsum([len(followers) for followers in table["followers"]], dtype=np.int64)])
    followers = np.array([row for rows in table["followers"] for row in rows], dtype=np.int64)
    levels = np.array([level for levels in table["levels"] for level in levels], dtype=np.uint8)
    settings = TransitionSettings(
        newest=5,
        recency=0.6,
        second_hop=0.0,
        smoothing=0.01,
        similarity=0.0,
        weight=1.0,
        ratio=table["ratio"],
        n_entries=len(followers),
        vectors=None,
    )
    return unpack_transitions(dump_transitions(offsets, followers, levels, n_items), settings, n_items)


def make_explainer(catalogue: Json) -> Explainer:
    """Return an explainer of a catalogue."""
    popularity = np.array(catalogue["popularity"], dtype=np.uint8)
    return Explainer(make_items(catalogue), popularity, make_transitions(catalogue), kind=catalogue.get("kind"))


def listed_of(case: Json) -> Listed:
    """Return the list of a case."""
    evidence = Evidence(tuple(case["pasts"]), tuple(case["older"]), tuple(map(tuple, case["drops"])))
    return Listed(case["rows"], evidence, {int(row): event for row, event in case["events"].items()})


def answers(catalogue: Json, case: Json) -> Json:
    """Return the expected values of a case."""
    explainer, listed = make_explainer(catalogue), listed_of(case)
    manner = Manner(case["style"], case["tone"], case["language"])
    speaker, claims = explainer.speaker(listed, manner), explainer.claims(listed)
    first = next((some[0] for some in claims if some), None)
    wordings = [] if first is None else speaker.wordings(first)
    items = make_items(catalogue)
    return {
        "names": {str(row): [name.text, name.is_title] for row, name in speaker.names.items()},
        "claims": [[_claim(claim) for claim in some] for some in claims],
        "wordings": [[wording.text, wording.skeleton] for wording in wordings],
        "prompt": prompt(items, case["rows"][0], wordings[0].facts, speaker) if wordings else None,
        "reasons": [_reason(reason) for reason in explainer.explain_list(listed, manner)],
        "first_alone": _reason(explainer.explain(Listed(listed.rows[:1], _first(listed), listed.events), manner)),
    }


def _first(listed: Listed) -> Evidence:
    evidence = listed.evidence
    return Evidence(evidence.pasts, evidence.older, evidence.drops[:1])


def _fact(fact: Fact) -> Json:
    return {"kind": fact.kind, "field": fact.field, "value": fact.value, "history_row": fact.history_row}


def _claim(claim: Claim) -> Json:
    return {"fact": _fact(claim.fact), "cost": claim.cost, "seconds": [_fact(fact) for fact in claim.seconds]}


def _reason(reason: Reason | None) -> Json | None:
    return None if reason is None else {"text": reason.text, "facts": [_fact(fact) for fact in reason.facts]}


def main() -> None:
    """Write the expected values of all cases."""
    for path in paths():
        golden = json.loads(path.read_text(encoding="utf-8"))
        for case in golden["cases"]:
            case["expected"] = answers(golden["catalogue"], case)
        path.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
