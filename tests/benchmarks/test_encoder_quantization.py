"""The comparison with Optimum's quantizer, as a real process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny_student import make_tiny_student
from tests.watched import Watch

ROOT = Path(__file__).parents[2]
MAIN = f"""
import sys
sys.path.append({str(ROOT)!r})
from benchmarks.encoder_quantization import main
main()
"""


@pytest.mark.slow
def test_optimum_makes_no_connection_and_writes_nothing_to_the_home_folder(tmp_path: Path) -> None:
    tiny = make_tiny_student(tmp_path)
    watch = Watch.over(tmp_path)

    done = subprocess.run(
        [
            *(sys.executable, "-P", "-c", MAIN),
            *("--run", tiny.student.path, "--data", tiny.data_path, "--users", "20", "--json"),
        ],
        env=watch.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ORTQuantizer dynamic int8"]["bytes"] > 0
    assert watch.network() == set()
    assert watch.files() == set()
