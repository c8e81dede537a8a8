"""The Python of docs/device-api.md runs as printed, one block after the other."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "device-api.md"


def test_the_page_for_developers_of_apps_runs_as_printed(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {"bundle": bundle, "state": tmp_path / "state"}

    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)

    assert len(blocks) == 10
    assert len(capsys.readouterr().out.splitlines()) == 19
