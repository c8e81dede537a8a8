"""Malformed bundles, one folder each, for every reader of the format: none of them may get through.

The first part of a name says how a reader must answer:

``integrity``  a file does not match the manifest: refused
``version``    made for a newer reader: refused, with a version error
``format``     digests are right, the content breaks SPEC.md: refused
``pictures``   as ``format``, for a reader that shows pictures
``engine``     the bundle can be used, but its first engine must not be
``graph``      as ``engine``: the graph holds what is not allowed, and no library may see it
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.attacks.draft import Attack, read_draft
from tests.attacks.engines import engines
from tests.attacks.graphs import graphs
from tests.attacks.items import items
from tests.attacks.manifests import integrity, manifests, versions
from tests.attacks.tensors import containers, contents
from tests.tiny_bundle import make_tiny_bundle


def attacks(root: Path) -> Iterator[tuple[str, Path]]:
    """Write every malformed bundle into a folder below ``root``; yield its name and the folder."""
    good = root / "good"
    make_tiny_bundle(good, pictures=True)
    for name, attack in table().items():
        draft = read_draft(good)
        attack(draft)
        folder = root / name.replace("/", "-")
        draft.write(folder)
        yield name, folder
    shutil.rmtree(good)


def table() -> dict[str, Attack]:
    """Return name to attack."""
    return integrity() | versions() | manifests() | containers() | contents() | items() | engines() | graphs()
