"""The tables of packages in CONTRIBUTING.md are the rules for imports, and the code keeps them."""

import re
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from benchmarks.import_graph import layers_of

TEXT = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text("utf-8")
DEVICE = "edge_runtime"


def rows(folder: str) -> list[tuple[list[str], ...]]:
    """Return the names between backticks in each cell of the table of a folder's packages."""
    _, table = TEXT.split(f"| package of `{folder}/` |", 1)
    lines = table.split("\n\n", 1)[0].splitlines()[2:]
    return [tuple(re.findall(r"`([^`]+)`", cell) for cell in line.strip("|").split("|")) for line in lines]


def permitted_to(folder: str) -> set[str]:
    """Return the modules of the device that the table lets ``folder`` import."""
    return {f"{DEVICE}.{name}" for names, _, importers in rows(DEVICE) if folder in importers for name in names}


def imports_of_the_device(folder: str) -> Iterator[tuple[str, str]]:
    graph = grimp.build_graph(folder, DEVICE, cache_dir=None)
    for module in graph.modules:
        if module.split(".")[0] == folder:
            for imported in graph.find_modules_directly_imported_by(module):
                if imported.split(".")[0] == DEVICE:
                    yield module, imported


def is_in(module: str, package: str) -> bool:
    return f"{module}.".startswith(f"{package}.")


@pytest.mark.parametrize("folder", ["edge_runtime", "train"])
def test_the_table_has_every_package_in_the_order_of_the_layers(folder: str) -> None:
    level = {name: index for index, layer in enumerate(layers_of(folder)) for name in layer}
    packages = [name for names, *_ in rows(folder) for name in names if "." not in name]

    assert sorted(packages) == sorted(level)
    assert [level[name] for name in packages] == sorted(level.values())


@pytest.mark.parametrize("folder", ["train", "server"])
def test_a_folder_imports_of_the_device_what_the_table_permits(folder: str) -> None:
    permitted = permitted_to(folder)
    forbidden = {
        f"{module} imports {imported}"
        for module, imported in imports_of_the_device(folder)
        if not any(is_in(imported, package) for package in permitted)
    }

    # The first import of the folder switches the libraries' telemetry off.
    assert forbidden == {f"{folder} imports {DEVICE}"}


@pytest.mark.parametrize("folder", ["train", "server"])
def test_the_table_permits_nothing_that_is_not_used(folder: str) -> None:
    used = {imported for _, imported in imports_of_the_device(folder)}

    assert [name for name in sorted(permitted_to(folder)) if not any(is_in(module, name) for module in used)] == []
