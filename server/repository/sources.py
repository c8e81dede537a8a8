"""The bundles to release: of a folder, or of an earlier release."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_runtime.bundle import BundleFolder, Manifest, open_folder
from edge_runtime.bundle.item_log import continue_items, start_log
from edge_runtime.bundle.manifest import ITEM_TABLE, MANIFEST_NAME
from server.errors import RepositoryError
from server.repository.repository import Repository
from server.repository.store import Store


@dataclass(frozen=True, slots=True)
class Source:
    """A bundle to release.

    Attributes:
        manifest: its manifest.
        folder: a folder with its files, in the same order, perhaps under other names.
        replaced: files that are not those of the folder, by name.
        restores: the earlier release that it is.
    """

    manifest: Manifest
    folder: BundleFolder
    replaced: Mapping[str, bytes] = field(default_factory=dict)
    restores: int | None = None

    def write_into(self, store: Store) -> None:
        """Write the files into a repository."""
        for entry, stored in zip(self.manifest.files, self.folder.manifest.files, strict=True):
            data = self.replaced.get(entry.name)
            if data is None:
                store.copy(self.folder.path / stored.name, entry.sha256)
            else:
                store.write(data)


def read_sources(bundles: Path) -> Iterator[Source]:
    """Yield the bundles in a folder of bundle folders, or the one in a bundle folder; every file is checked.

    Raises:
        RepositoryError: there is none, or two are for the same target.
        BundleError: a bundle is invalid or damaged.
    """
    folders = [open_folder(folder) for folder in _bundle_folders(bundles)]
    _check_targets_differ(folders)
    for bundle in folders:
        bundle.check_all()
        yield Source(bundle.manifest, bundle)


def earlier_source(repository: Repository, target: str, number: int | None) -> Source:
    """Return an earlier release of a target, by its number, or the one before that on offer.

    Raises:
        RepositoryError: there is no such release, or its files were pruned.
    """
    entries = repository.log.of(target)
    current = entries[-1].restores or entries[-1].release if entries else 0
    found = [
        entry
        for entry in entries[:-1]
        if (entry.release == number if number is not None else (entry.restores or entry.release) < current)
    ]
    numbers = ", ".join(str(entry.release) for entry in entries) or "none"
    if entries and number == entries[-1].release:
        raise RepositoryError(
            f"{target}: release {number} is what is on offer; choose an earlier one. Nothing was changed."
        )
    if not found:
        wanted = "one before that on offer" if number is None else f"release {number} before the one on offer"
        raise RepositoryError(f"{target}: found the releases {numbers}, expected {wanted}.")
    store, entry = repository.store, found[-1]
    manifest = store.manifest(entry.final) if store.is_there(entry.final) else None
    if manifest is None or not store.has(manifest):
        raise RepositoryError(
            f"{target}: the files of release {entry.release} were pruned. Publish its bundle again, "
            "with `pocketrec release publish`."
        )
    return Source(manifest, store.bundle(manifest), restores=entry.release)


def with_item_log(source: Source, before: Manifest | None, store: Store, component: str | None) -> Source:
    """Return a bundle whose items continue those of the release before, so that the delta is small.

    They do not if the bundle would exceed its budgets, or if a component would have to change a required feature.

    Args:
        source: the bundle.
        before: manifest of the release before; None to start a log.
        store: the files of the repository.
        component: the component that is released; None for the whole bundle.
    """
    new = source.folder.manifest.required_role("items")
    features = (*source.manifest.required_features, *(before.required_features if before else ()))
    if ITEM_TABLE in features or (before and before.required_role("items").sha256 == new.sha256):
        return source
    data = source.folder.read(new)
    if before is None:
        manifest, data = start_log(source.manifest, data)
    else:
        manifest, data = continue_items(before, store.read(before.required_role("items").sha256), source.manifest, data)
    changes_features = before is not None and manifest.required_features != before.required_features
    sizes = {"bundle_bytes": manifest.bundle_bytes, "part:items": len(data)}
    is_too_large = any(size > manifest.budgets.get(name, size) for name, size in sizes.items())
    if is_too_large or (component is not None and changes_features):
        return source
    return Source(manifest, source.folder, {new.name: data})


def check_name(source: Source, before: Manifest | None) -> None:
    """Check that a bundle has the name of the release on offer for its target, so that no other shop replaces it.

    Raises:
        RepositoryError: it has another name.
    """
    found, expected = source.manifest.name, source.manifest.name if before is None else before.name
    if found != expected:
        raise RepositoryError(
            f"{source.folder.path}: found the name {found!r}, expected {expected!r}, the name of the release on offer "
            f"for {source.manifest.target}. Export it with --name {shlex.quote(expected)}, or publish it in a "
            "repository of its own."
        )


def _check_targets_differ(folders: Sequence[BundleFolder]) -> None:
    by_target: dict[str, Path] = {}
    for folder in folders:
        other = by_target.setdefault(folder.manifest.target, folder.path)
        if other != folder.path:
            raise RepositoryError(
                f"found two bundles for the target {folder.manifest.target!r}, {other} and {folder.path}, expected one "
                "folder for each target. Move one of them away, or publish one folder by its own path."
            )


def _bundle_folders(bundles: Path) -> list[Path]:
    if (bundles / MANIFEST_NAME).is_file():
        return [bundles]
    folders = sorted(path.parent for path in bundles.glob(f"*/{MANIFEST_NAME}"))
    found = [folder for folder in folders if folder.suffix not in (".new", ".old")]
    if not found:
        raise RepositoryError(
            f"{bundles}: found no bundle, expected folders with a {MANIFEST_NAME} each. "
            f"Write them with `pocketrec export --out {bundles}`."
        )
    return found
