"""Several regions: their sums are added exactly and once, by files or by Flower."""

import asyncio
import json
import os
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from edge_runtime.rounds.plan import RoundPlan
from server.database.database import Database, beside, file_url, migrate
from server.rounds.commands import rounds
from server.rounds.intake import Intake
from server.rounds.ledger import Ledger
from tests.tiny_rounds import plan, update

FLOWER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pocketrec" / "flower" / "bin"
APP = Path(__file__).parents[3] / "deploy" / "flower"


def region(folder: Path, of: RoundPlan, number: int, values: list[int] | None = None) -> Path:
    """Return a repository whose database has a closed round with so many updates."""
    repository = folder / of.round[0] / "releases"
    repository.mkdir(parents=True)
    url = file_url(beside(repository))
    migrate(url)

    async def work() -> None:
        database = Database(url)
        ledger, intake = Ledger(database), Intake(database)
        await ledger.open(of, int(time.time()))
        async with intake.running():
            for i in range(number):
                assert (await intake.accept(of.round, update(of, values or [i] * of.size))).verdict.value == "counted"
        await ledger.close(of.round, int(time.time()), "by hand")
        await database.close()

    asyncio.run(work())
    return repository


def run(*arguments: str | Path, code: int = 0) -> Any:  # noqa: ANN401 - whatever a command prints
    result = CliRunner().invoke(rounds, [*map(str, arguments), "--json"])
    assert result.exit_code == code, (result.output, result.exception)
    return json.loads(result.stdout) if code == 0 else str(result.exception)


def exported(folder: Path, of: RoundPlan, number: int) -> Path:
    """Return the file with the sum of a new region."""
    file = folder / f"{of.round[0]}.json"
    run("export-sum", region(folder, of, number), of.round, "--out", file)
    return file


def total(repository: Path, round_id: str) -> list[int]:
    async def read() -> list[int]:
        database = Database(file_url(beside(repository)))
        sums = await Ledger(database).total(round_id)
        await database.close()
        assert sums is not None
        return [int(value) // 1024 for value in np.frombuffer(sums.to_bytes(), "<i8")]

    return asyncio.run(read())


def test_a_region_is_added_once(tmp_path: Path) -> None:
    main = region(tmp_path, plan("m"), 3)
    file = exported(tmp_path, plan("r"), 4)

    for _ in range(2):
        state = run("add-sum", main, "m" * 26, file)["round"]

    assert (state["updates"], state["needed"], state["state"]) == (7, 4, "closed")
    assert total(main, "m" * 26) == [0 + 1 + 2 + 0 + 1 + 2 + 3] * 8


def test_a_sum_of_other_terms_is_refused(tmp_path: Path) -> None:
    main = region(tmp_path, plan("m"), 3)
    file = exported(tmp_path, plan("r", clip=0.5), 4)

    assert "other terms" in run("add-sum", main, "m" * 26, file, code=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": [1 << 62] * 8}, "expected at most"),
        ({"weight": 4 * 1024 + 1}, "expected at least 1 and at most 4096"),
        ({"regions": {"r" * 26: 4, "s" * 26: 4}}, "expected at least 2"),
        ({"merged": 0}, "merged"),
        ({"weight": 0}, "weight"),
        ({"regions": {}}, "regions"),
        ({"regions": {"r" * 26: 0}}, "regions"),
    ],
)
def test_a_sum_that_no_region_can_have_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    main, file = region(tmp_path, plan("m"), 3), exported(tmp_path, plan("r"), 4)
    before = total(main, "m" * 26)
    file.write_text(json.dumps(json.loads(file.read_bytes()) | changes))

    assert message in run("add-sum", main, "m" * 26, file, code=1)
    assert total(main, "m" * 26) == before


def test_a_sum_of_the_longest_updates_is_taken(tmp_path: Path) -> None:
    largest = [32_767] * 8  # more than an honest device sends, so that the servers scale them down

    main, other = region(tmp_path, plan("m"), 3, largest), region(tmp_path, plan("r"), 4, largest)
    file = tmp_path / "sum.json"
    run("export-sum", other, "r" * 26, "--out", file)

    assert run("add-sum", main, "m" * 26, file)["round"]["updates"] == 7


def test_what_was_handed_over_is_handed_over_again_and_never_added_in_parts(tmp_path: Path) -> None:
    main, one = region(tmp_path, plan("m"), 3), exported(tmp_path, plan("r"), 4)
    before = one.read_bytes()
    run("export-sum", tmp_path / "r" / "releases", "r" * 26, "--out", one)
    assert one.read_bytes() == before
    run("add-sum", main, "m" * 26, one)
    both = tmp_path / "both.json"
    document = json.loads(before)
    both.write_text(json.dumps(document | {"regions": {"r" * 26: 4, "s" * 26: 1}}))

    assert "already" in run("add-sum", main, "m" * 26, both, code=1)


def _port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.slow
def test_flower_adds_two_regions_exactly(tmp_path: Path) -> None:
    if not (FLOWER / "flwr").exists():
        pytest.skip("the environment of Flower is missing; build it with `make flower-env`")
    main = region(tmp_path, plan("m"), 2)
    files = [exported(tmp_path, plan(letter), number) for letter, number in (("r", 3), ("s", 4))]
    link, home, out = _port(), tmp_path / "home", tmp_path / "total.json"
    home.mkdir()
    (home / "config.toml").write_text(
        f'[superlink]\ndefault = "all"\n\n[superlink.all]\naddress = "127.0.0.1:{link}"\ninsecure = true\n'
    )
    quiet = {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1"}
    environment = {**os.environ, **quiet, "FLWR_HOME": str(home), "PATH": f"{FLOWER}:{os.environ['PATH']}"}
    server = ["flower-superlink", "--insecure", "--disable-runtime-dependency-installation", "--port", str(link)]
    node = ["flower-supernode", "--insecure", "--superlink", f"127.0.0.1:{link}"]
    nodes = [[*node, "--port", str(_port()), "--node-config", f'sum="{file}"'] for file in files]
    with ExitStack() as stack, (tmp_path / "log").open("w") as log:
        for number, command in enumerate([server, *nodes], 1):
            process = subprocess.Popen(
                [str(FLOWER / command[0]), *command[1:]], env=environment, stdout=log, stderr=log
            )
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
            _wait_for(lambda number=number: (tmp_path / "log").read_bytes().count(b"Uvicorn running") == number)
        ask = [str(FLOWER / "flwr"), "run", str(APP), "all", "-c", f'out="{out}"']
        subprocess.run(ask, env=environment, stdout=log, stderr=log, check=True, timeout=120)
        _wait_for(out.exists)

    state = run("add-sum", main, "m" * 26, out)["round"]
    assert state["updates"] == 9
    assert total(main, "m" * 26) == [1 + 3 + 6] * 8


def _wait_for(condition: Any) -> None:  # noqa: ANN401 - a function
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)
