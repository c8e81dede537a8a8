"""Malformed bundles, one folder each, that every reader of the format must handle.

The first part of a name is the expected outcome:

``integrity``  a file does not match the manifest: integrity error
``version``    the bundle needs a newer reader: version error
``format``     the digests are right, but the content violates SPEC.md: bundle error
``pictures``   as ``format``, for readers that show pictures
``engine``     the bundle is usable, but its first engine must be rejected
``graph``      as ``engine``; the graph is not allowed and must not be passed to a library
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.attacks.draft import Attack, read_draft
from tests.attacks.engines import engines
from tests.attacks.graphs import graphs
from tests.attacks.item_log import item_log
from tests.attacks.item_table import item_table
from tests.attacks.items import items
from tests.attacks.learning import learning
from tests.attacks.manifests import integrity, manifests, versions
from tests.attacks.pictures import pictures
from tests.attacks.retired import retired
from tests.attacks.tensors import containers, contents
from tests.attacks.transitions import transitions
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_items import with_item_log, with_item_table
from tests.tiny_transitions import WITH_ENGINES


def attacks(root: Path) -> Iterator[tuple[str, Path]]:
    """Write every malformed bundle into a folder below ``root``; yield its name and the folder."""
    good, with_transitions = root / "good", root / "with-transitions"
    with_table, with_log = root / "with-table", root / "with-log"
    make_tiny_bundle(good, pictures=True)
    with_item_table(good, with_table)
    with_item_log(good, with_log)
    make_tiny_bundle(with_transitions, transitions=WITH_ENGINES)
    bases = dict.fromkeys(transitions(), with_transitions) | dict.fromkeys(item_table(), with_table)
    bases |= dict.fromkeys(item_log(), with_log)
    for name, attack in table().items():
        draft = read_draft(bases.get(name, good))
        attack(draft)
        folder = root / name.replace("/", "-")
        draft.write(folder)
        yield name, folder
    for folder in (good, with_transitions, with_table, with_log):
        shutil.rmtree(folder)


def table() -> dict[str, Attack]:
    """Return name to attack."""
    of_formats = manifests() | containers() | contents() | items() | item_log() | item_table() | pictures() | retired()
    return integrity() | versions() | of_formats | engines() | graphs() | transitions() | learning()
