"""The build of the page, observed as a real process."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.watched import Watch

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_building_the_page_uses_no_network_and_writes_only_npms_log_to_the_home_folder(tmp_path: Path) -> None:
    page = tmp_path / "web_demo"
    shutil.copytree(ROOT / "web_demo", page, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (page / "node_modules").symlink_to(ROOT / "web_demo" / "node_modules")
    (tmp_path / "edge_runtime").symlink_to(ROOT / "edge_runtime")
    watch = Watch.over(tmp_path)

    done = subprocess.run(
        ["npm", "run", "build"], cwd=page, env=watch.environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert (page / "dist" / "index.html").is_file()
    assert watch.network() == set()
    written = {Path(file) for file in watch.files()}
    assert {file for file in written if not file.is_relative_to(".npm/_logs")} <= {Path(".npm")}
