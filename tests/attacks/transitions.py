"""Invalid transitions: settings outside their ranges, and tables with invalid followers, counts or levels."""

from collections.abc import Callable

import numpy as np

from edge_runtime.bundle.arrays import Array
from tests.attacks.draft import Attack, Draft, Json, drop_role, flip, in_part, replace_in_manifest

TABLE, VECTORS = "transitions.safetensors", "similarity.safetensors"


def transitions() -> dict[str, Attack]:
    """Return attacks on a bundle with transitions and vectors of their own."""
    return _integrity() | _fields() | _settings() | _tables() | _vectors()


def other_transitions(draft: Draft) -> None:
    """Replace the table and the vectors by valid ones that give other lists."""
    draft.replace_arrays(TABLE, level=draft.arrays(TABLE)["level"] ^ np.uint8(0x0F))
    draft.replace_arrays(VECTORS, **{"codes.0": draft.arrays(VECTORS)["codes.0"][::-1]})


def _integrity() -> dict[str, Attack]:
    def change(name: str, spoil: Callable[[bytes], bytes]) -> Attack:
        return lambda draft: draft.files.update({name: spoil(draft.files[name])})

    def remove(name: str) -> Attack:
        def attack(draft: Draft) -> None:
            del draft.files[name]

        return attack

    attacks: dict[str, Attack] = {}
    for name in (TABLE, VECTORS):
        attacks[f"integrity/flipped-byte-{name}"] = change(name, flip)
        attacks[f"integrity/truncated-{name}"] = change(name, lambda data: data[:-1])
        attacks[f"integrity/longer-{name}"] = change(name, lambda data: data + b"\0")
        attacks[f"integrity/missing-{name}"] = remove(name)
    return attacks


def _fields() -> dict[str, Attack]:
    """Return attacks in which a file and the field that belongs to it do not occur together."""

    def without_field(draft: Draft) -> None:
        del draft.manifest["transitions"]

    def without_engines_and_transitions(draft: Draft) -> None:
        draft.manifest |= {"transitions": None, "engines": []}
        for role in ("transitions", "similarity"):
            drop_role(role)(draft)

    def second(role: str, copied: str) -> Attack:
        def attack(draft: Draft) -> None:
            entry = next(entry for entry in draft.manifest["files"] if entry["name"] == copied)
            draft.files["again"] = draft.files[copied]
            draft.manifest["files"].append(entry | {"name": "again", "role": role})

        return attack

    return {
        "format/transitions-without-field": without_field,
        "format/transitions-null": lambda draft: draft.manifest.update(transitions=None),
        "format/transitions-a-list": lambda draft: draft.manifest.update(transitions=[]),
        "format/transitions-without-file": drop_role("transitions"),
        "format/similarity-without-sizes": in_part("transitions", None, vectors=None),
        "format/similarity-without-file": drop_role("similarity"),
        "format/transitions-twice": second("transitions", TABLE),
        "format/similarity-twice": second("similarity", VECTORS),
        "format/transitions-not-required": lambda draft: draft.manifest.update(required_features=["shared-codebooks"]),
        "format/neither-engines-nor-transitions": without_engines_and_transitions,
    }


def _settings() -> dict[str, Attack]:
    outside: dict[str, tuple[object, ...]] = {
        "newest": (0, 1025, -1, None, True),
        "recency": (0.0, 1.01, -0.5, "1"),
        "second_hop": (-0.1, 100.1),
        "smoothing": (0.0, 5e-324, 1.1, -1e-3),
        "similarity": (-0.1, 100.1),
        "weight": (0.0, 100.1, -1.0),
        "ratio": (0.0, 1e-30, 1.0, -0.5),
        "n_entries": (-1, 255 * 40 + 1, (255 << 24) + 1, 1 << 53),
    }
    attacks = {
        f"format/transitions-{name}-of-{value}".replace("+", ""): in_part("transitions", None, **{name: value})
        for name, values in outside.items()
        for value in values
    }
    for name, value in (("smoothing", b"0.01"), ("similarity", b"2.0"), ("weight", b"0.5")):
        for what, text in (("nan", b"NaN"), ("infinity", b"1e999")):
            old, new = (b'"%s": %s' % (name.encode(), part) for part in (value, text))
            attacks[f"format/transitions-{name}-{what}"] = replace_in_manifest(old, new)
    for name in outside:
        attacks[f"format/transitions-no-{name}"] = _without(name)
    return attacks


def _tables() -> dict[str, Attack]:
    """Return tables that are well-formed arrays with invalid values; the counts tell which entry is whose."""

    def change(array: str, modify: Callable[[Array, Array], Array]) -> Attack:
        def attack(draft: Draft) -> None:
            arrays = draft.arrays(TABLE)
            starts = np.concatenate([[0], np.cumsum(arrays["count"], dtype=np.int64)])
            draft.replace_arrays(TABLE, **{array: modify(arrays[array].copy(), starts)})

        return attack

    def put(value: Callable[[Array, int], int]) -> Attack:
        """Change the first follower of the first item that has two."""

        def modify(follower: Array, starts: Array) -> Array:
            item = int(np.flatnonzero(np.diff(starts) >= 2)[0])
            follower[starts[item], 0] = value(follower[starts[item] :, 0], item)
            return follower

        return change("follower", modify)

    def one_fewer(count: Array, _: Array) -> Array:
        """Count one follower fewer for the last item that has any."""
        count[np.flatnonzero(count)[-1]] -= 1
        return count

    return {
        "format/transitions-counts-sum-to-less": change("count", one_fewer),
        "format/transitions-counts-sum-to-more": change("count", lambda count, _: np.full_like(count, 255)),
        "format/transitions-counts-zero": change("count", lambda count, _: np.zeros_like(count)),
        "format/transitions-counts-too-few": change("count", lambda count, _: count[:-1]),
        "format/transitions-counts-too-wide": change("count", lambda count, _: count.astype(np.int32)),
        "format/follower-outside-the-catalogue": put(lambda followers, item: 40),
        "format/follower-far-outside": put(lambda followers, item: 255),
        "format/follower-the-item-itself": put(lambda followers, item: item),
        "format/follower-twice": put(lambda followers, item: int(followers[1])),
        "format/followers-descend": put(lambda followers, item: int(followers[1]) + 1),
        "format/followers-too-few": change("follower", lambda follower, _: follower[:-1]),
        "format/followers-of-two-bytes": change("follower", lambda follower, _: np.repeat(follower, 2, axis=1)),
        "format/followers-of-no-bytes": change("follower", lambda follower, _: follower[:, :0]),
        "format/followers-flat": change("follower", lambda follower, _: follower[:, 0]),
        "format/levels-too-few": change("level", lambda level, _: level[:-1]),
        "format/levels-too-many": change("level", lambda level, _: np.append(level, np.uint8(0))),
        "format/levels-with-a-spare-one": change("level", _with_a_spare_level),
        "format/transitions-one-fewer-in-the-manifest": _n_entries(-1),
        "format/transitions-one-more-in-the-manifest": _n_entries(1),
        "format/transitions-the-most-in-the-manifest": in_part("transitions", None, n_entries=255 * 40),
        "format/transitions-none-in-the-manifest": in_part("transitions", None, n_entries=0),
        "format/transitions-not-an-array-file": lambda draft: draft.replace(TABLE, b"nothing"),
    }


def _vectors() -> dict[str, Attack]:
    def sizes(**values: object) -> Attack:
        return lambda draft: draft.manifest["transitions"]["vectors"].update(values)

    def change(array: str, modify: Callable[[Array], Array]) -> Attack:
        return lambda draft: draft.replace_arrays(VECTORS, **{array: modify(draft.arrays(VECTORS)[array])})

    def one_item_fewer(draft: Draft) -> None:
        sizes(n_items=39, tiers=[{"n_items": 39, "n_codes": 4}])(draft)
        draft.replace_arrays(VECTORS, **{"codes.0": draft.arrays(VECTORS)["codes.0"][:-1]})

    return {
        "format/similarity-of-other-items": one_item_fewer,
        "format/similarity-tiers-do-not-add-up": sizes(tiers=[{"n_items": 39, "n_codes": 4}]),
        "format/similarity-tier-does-not-divide": sizes(tiers=[{"n_items": 40, "n_codes": 3}]),
        "format/similarity-dim-huge": sizes(dim=1 << 40),
        "format/similarity-of-another-dim": sizes(dim=16),
        "format/similarity-scale-huge": change("scale.0", lambda scale: np.full_like(scale, 3e38)),
        "format/similarity-code-beyond-the-codebook": change("codes.0", lambda codes: np.full_like(codes, 16)),
    }


def _with_a_spare_level(level: Array, starts: Array) -> Array:
    if starts[-1] % 2 == 0:
        raise ValueError("the number of transitions is even, so there is no spare level")
    level[-1] |= 0x10
    return level


def _n_entries(change: int) -> Attack:
    def attack(draft: Draft) -> None:
        draft.manifest["transitions"]["n_entries"] += change

    return attack


def _without(name: str) -> Attack:
    def attack(draft: Draft) -> None:
        settings: Json = draft.manifest["transitions"]
        del settings[name]

    return attack
