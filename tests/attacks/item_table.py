"""Invalid tables of items: columns whose sizes do not fit each other or the manifest."""

import numpy as np

from tests.attacks.draft import Attack, Draft

_FILE = "items.safetensors"


def item_table() -> dict[str, Attack]:
    def arrays(**changed: object) -> Attack:
        return lambda draft: draft.replace_arrays(_FILE, **{name: np.asarray(one) for name, one in changed.items()})

    def start(name: str, index: int, value: int) -> Attack:
        def attack(draft: Draft) -> None:
            starts = draft.arrays(_FILE)[name].copy()
            starts[index] = value
            draft.replace_arrays(_FILE, **{name: starts})

        return attack

    def without_feature(draft: Draft) -> None:
        features = draft.manifest["required_features"]
        draft.manifest["required_features"] = [one for one in features if one != "item-table"]

    return {
        "format/table-not-arrays": lambda draft: draft.replace(_FILE, b"plain text"),
        "format/table-empty": lambda draft: draft.replace(_FILE, b""),
        "format/table-without-its-feature": without_feature,
        "format/table-of-fewer-items": arrays(**{"title.start": np.zeros(40, dtype=np.uint32)}),
        "format/table-of-signed-starts": arrays(**{"title.start": np.zeros(41, dtype=np.int32)}),
        "format/table-of-floats": arrays(title=np.zeros(9, dtype=np.float32)),
        "format/table-titles-start-late": start("title.start", 0, 1),
        "format/table-titles-end-outside": start("title.start", -1, 1 << 30),
        "format/table-values-end-outside": start("value.1.start", -1, 1 << 30),
        "format/table-entries-end-outside": start("entry.0.start", -1, 1 << 30),
        "format/table-order-too-short": arrays(**{"item_id.order": np.zeros(39, dtype=np.uint32)}),
        "format/table-of-many-facts": arrays(
            **{"fact.start": np.arange(302, dtype=np.uint32), "fact": np.zeros(301, dtype=np.uint8)}
        ),
        "format/table-fact-twice": arrays(
            **{"fact.start": np.array([0, 1, 2], dtype=np.uint32), "fact": np.full(2, 97, dtype=np.uint8)}
        ),
        "format/table-words-of-other-texts": arrays(n_words=np.zeros(3, dtype=np.uint8)),
    }
