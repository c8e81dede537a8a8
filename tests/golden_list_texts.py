"""The cases of `tests/golden/list_texts.json`: list texts that the Python and browser runtimes must both give.

The lists are those of `tests/golden/reasons-v3/`, by file and name. After a deliberate change of openings, phrases or
the template, regenerate the expected values with ``python -m tests.golden_list_texts`` and review the diff.
"""

import json
from pathlib import Path
from typing import Any

from edge_runtime.explainer import Manner
from edge_runtime.language_model.grammar import certain
from edge_runtime.list_text.prompt import prompt
from edge_runtime.list_text.writing import write_text
from tests.golden_reasons import listed_of, make_explainer, paths

PATH = Path(__file__).parent / "golden" / "list_texts.json"
SEEDS = (0, 3)
REST = (
    ["1. “Rose Soap”: same maker\n", "1. “Rose Soap”: same kind\n"],
    ["1. “Rose Soap”: same maker\n", "1. “Rose Soap”\n"],
    ["same maker\n", "same\n"],
    ["same maker\n", "samey\n"],
    ["Roses\n", "Rosy\n"],
    ["a b", "a b c\n"],
    ["only one\n"],
    ["玫瑰香皂\n", "玫瑰茶\n"],
    ["say 🎈 now\n", "say 🎉 now\n"],
)

Json = dict[str, Any]


def golden() -> Json:
    """Return the expected values of all cases."""
    lists = []
    for path in paths():
        file = json.loads(path.read_text(encoding="utf-8"))
        explainer = make_explainer(file["catalogue"])
        for case in file["cases"]:
            about = explainer.list_case(listed_of(case), Manner(case["style"], case["tone"], case["language"]))
            lists.append({
                "file": path.name,
                "name": case["name"],
                "taste": about.taste,
                "item_ids": [entry.item_id for entry in about.entries],
                "lines": about.lines(),
                "prompt": prompt(about),
                "texts": ["".join(piece.text for piece in write_text(about, None, seed)) for seed in SEEDS],
            })  # fmt: skip
    known = [{"rest": rest, "certain": certain([text.encode() for text in rest]).decode()} for rest in REST]
    return {"lists": lists, "certain": known}


def main() -> None:
    """Write the expected values of all cases."""
    PATH.write_text(json.dumps(golden(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
