"""The default place of the state file."""

from pathlib import Path

import pytest

from edge_runtime.errors import StateError
from edge_runtime.state.place import default_state


def test_the_default_path_follows_the_platform(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path / "app")}

    linux = default_state("beauty", environment, platform="linux")
    windows = default_state("beauty", environment, platform="win32")
    mac = default_state("beauty", environment, platform="darwin")

    assert linux == tmp_path / "pocketrec" / "beauty.sqlite"
    assert windows == tmp_path / "app" / "pocketrec" / "beauty.sqlite"
    assert mac.parts[-3:] == ("Application Support", "pocketrec", "beauty.sqlite")
    assert default_state("beauty", {"XDG_STATE_HOME": "relative"}, platform="linux").is_absolute()


@pytest.mark.parametrize("name", ["../../etc", "Tiny Shop", "tiny shop", "日本", "a" * 100, "."])
def test_every_bundle_name_has_a_unique_portable_file_name(name: str) -> None:
    path = default_state(name, {"XDG_STATE_HOME": "/state"}, platform="linux")

    assert path.parent == Path("/state/pocketrec")
    assert path != default_state(name + "!", {"XDG_STATE_HOME": "/state"}, platform="linux")
    assert path.name.isascii()


def no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize("platform", ["linux", "win32", "darwin"])
def test_without_a_home_folder_the_error_suggests_state(platform: str) -> None:
    with pytest.raises(StateError, match=r"HOME is not set.*Choose a file with --state"):
        default_state("beauty", {}, platform=platform, home=no_home)


def test_without_a_home_folder_the_environment_can_name_one() -> None:
    assert default_state("a", {"XDG_STATE_HOME": "/s"}, platform="linux", home=no_home) == Path("/s/pocketrec/a.sqlite")
