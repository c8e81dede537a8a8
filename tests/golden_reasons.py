"""The cases of `tests/golden/reasons.json`: reasons that the Python and browser runtimes must both generate.

After a deliberate change of facts, phrases or layout, regenerate the expected values with
``python -m tests.golden_reasons`` and review the diff.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.bundle.items import Field, Items
from edge_runtime.language_model.grammar import grammar
from edge_runtime.reasons.facts import FactFinder
from edge_runtime.reasons.prompt import prompt
from edge_runtime.reasons.sentences import sentences
from edge_runtime.reasons.template import template

PATH = Path(__file__).parent / "golden" / "reasons.json"

Json = dict[str, Any]


def make_items(catalogue: Json) -> Items:
    """Return the items of a catalogue in the file."""
    fields = {name: Field(field["values"], field["rows"]) for name, field in catalogue["fields"].items()}
    return Items(catalogue["item_id"], catalogue["title"], fields)


def answers(catalogue: Json, case: Json) -> Json:
    """Return the expected values of a case."""
    items, row, history, style = make_items(catalogue), case["row"], case["history"], case["style"]
    facts = FactFinder(items, np.array(catalogue["popularity"], dtype=np.uint8)).facts(row, history)
    allowed = sentences(items, row, facts, style)
    text, cited = template(items, row, facts, style)
    return {
        "facts": [
            {"kind": fact.kind, "field": fact.field, "value": fact.value, "history_row": fact.history_row}
            for fact in facts
        ],
        "prompt": prompt(items, row, facts, style),
        "sentences": list(allowed),
        "template": text,
        "template_facts": [facts.index(fact) for fact in cited],
        "grammar": grammar(allowed) if style == "short" else None,
    }


def main() -> None:
    """Write the expected values of all cases."""
    golden = json.loads(PATH.read_text(encoding="utf-8"))
    for case in golden["cases"]:
        case["expected"] = answers(golden["catalogues"][case["catalogue"]], case)
    PATH.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
