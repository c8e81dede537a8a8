"""`pocketrec rounds`: a round by its commands."""

import asyncio
import json
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from edge_runtime.rounds.plan import round_path
from export.adapted import try_adapter
from server.database.database import Database, beside, file_url
from server.repository.passphrase import PASSPHRASE as VARIABLE
from server.repository.publish import publish
from server.repository.repository import reading
from server.rounds.commands import rounds
from server.rounds.intake import Intake
from server.rounds.opening import read_plan
from tests.tiny_repository import PASSPHRASE, TARGET, TinyRepository, make_repository
from tests.tiny_rounds import update

PLAN = ("--target", TARGET, "--operator", "https://rounds.example", "--clip", "1", "--min-updates", "2")


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyRepository:
    monkeypatch.setenv(VARIABLE, PASSPHRASE)
    monkeypatch.delenv("POCKETREC_DATABASE_URL", raising=False)
    monkeypatch.setattr("server.rounds.publishing._trier", lambda: try_adapter)
    repository = make_repository(tmp_path)
    repository.bundle(0, n_items=30)
    publish(repository.path, repository.bundles, repository.ring())
    return repository


def run(*arguments: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(rounds, [str(one) for one in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout


def as_json(*arguments: str | Path, code: int = 0) -> Any:  # noqa: ANN401 - whatever a command prints
    return json.loads(run(*arguments, "--json", code=code))


def opened(made: TinyRepository, tmp_path: Path, *options: str) -> str:
    file = tmp_path / "plan.json"
    as_json("plan", made.path, *PLAN, "--out", file, *options)
    return str(as_json("open", made.path, file)["round"])


def send(made: TinyRepository, plan_file: Path, number: int = 2) -> None:
    plan = read_plan(plan_file)

    async def work() -> None:
        database = Database(file_url(beside(made.path)))
        intake = Intake(database)
        async with intake.running():
            for _ in range(number):
                answer = await intake.accept(plan.round, update(plan, np.arange(plan.size).tolist()))
                assert answer.verdict.value == "counted"
        await database.close()

    asyncio.run(work())


def test_a_plan_states_its_privacy_twice(made: TinyRepository, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    printed = run("plan", made.path, *PLAN, "--out", file, "--epsilon", "4", "--min-updates", "100")
    found = as_json("plan", made.path, *PLAN, "--out", file, "--epsilon", "4", "--min-updates", "100")

    assert "against the operator     epsilon 4 " in printed
    assert found["privacy"]["operator"] == pytest.approx(4.0, rel=1e-6)
    assert found["privacy"]["readers"] < 1.0
    sigma, size = found["plan"]["sigma"], found["plan"]["rank"] * found["plan"]["dim"]
    assert found["noise_in_mean"]["min_updates"] == pytest.approx(sigma * (size / 100) ** 0.5)
    assert "so that nearly all of what a round teaches is left" not in printed
    assert "With 100 updates the noise in their mean is" in printed
    assert read_plan(file).min_updates == 100


def test_no_noise_is_shown_as_unbounded(made: TinyRepository, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"

    printed = run("plan", made.path, *PLAN, "--out", file, "--sigma", "0")
    assert "epsilon unbounded" in printed
    assert "Updates have no noise: devices refuse the plan" in printed
    found = as_json("plan", made.path, *PLAN, "--out", file, "--sigma", "0")
    assert found["privacy"]["operator"] is None


def test_a_round_by_its_commands(made: TinyRepository, tmp_path: Path) -> None:
    file, page = tmp_path / "plan.json", tmp_path / "round.html"
    run("plan", made.path, *PLAN, "--out", file)
    assert "is open until" in run("open", made.path, file)
    round_id = read_plan(file).round
    send(made, file)
    shown = run("status", made.path)
    assert "open" in shown
    assert "…" not in shown
    assert "Next: pocketrec rounds publish" in run("close", made.path, round_id)
    assert "Published as release 2 with --force" in run("publish", made.path, round_id, "--force")
    assert "Published as release 2 with --force" in run("status", made.path)
    assert "published" in run("report", made.path, round_id, "--out", page)
    (state,) = as_json("status", made.path)["rounds"]

    assert (state["state"], state["updates"]) == ("published", 2)
    assert as_json("report", made.path, round_id)["report"]["outcome"]["release"] == 2
    html = page.read_text("utf-8")
    assert round_id in html
    assert "default-src 'none'" in unescape(html)
    assert "<script" not in html
    assert html.count("http") == html.count("http://www.w3.org/2000/svg") + html.count("http-equiv")


@pytest.mark.parametrize("columns", [80, 120])
def test_status_shows_each_figure_on_one_line_in_any_terminal(
    made: TinyRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    round_id = opened(made, tmp_path)
    (state,) = as_json("status", made.path)["rounds"]
    monkeypatch.setenv("COLUMNS", str(columns))

    shown = run("status", made.path).splitlines()

    until = state["deadline"][:16].replace("T", " ")
    if columns == 80:
        assert shown[:2] == [f"{round_id}  {TARGET}", f"  open, 0 updates, 2 needed, until {until} UTC"]
    else:
        assert shown[0].split() == ["round", "target", "state", "updates", "needed", "until", "(UTC)"]
        assert shown[1].split() == [round_id, TARGET, "open", "0", "2", *until.split()]
    assert max(map(len, shown)) <= columns


def test_a_round_that_is_not_published_ends_with_1_and_says_why(made: TinyRepository, tmp_path: Path) -> None:
    round_id = opened(made, tmp_path)
    send(made, tmp_path / "plan.json", 1)
    run("close", made.path, round_id)
    result = CliRunner().invoke(rounds, ["publish", str(made.path), round_id, "--force"])

    assert result.exit_code == 1
    assert "fewer than 2" in str(result.exception)


def test_a_round_is_dropped_by_hand(made: TinyRepository, tmp_path: Path) -> None:
    round_id = opened(made, tmp_path)
    send(made, tmp_path / "plan.json")
    found = as_json("close", made.path, round_id, "--drop")["round"]

    assert (found["state"], found["note"]) == ("dropped", "Closed by hand with 2 updates. Dropped by hand.")


def offered(made: TinyRepository) -> bytes | None:
    with reading(made.path) as repository:
        return repository.document("adapter", round_path(TARGET))


def test_a_round_that_is_closed_by_hand_has_its_plan_taken_off(made: TinyRepository, tmp_path: Path) -> None:
    round_id = opened(made, tmp_path)
    assert offered(made) is not None

    assert as_json("close", made.path, round_id)["still_offered"] is None

    assert offered(made) is None
    run("close", made.path, round_id)
    assert opened(made, tmp_path) != round_id
    assert offered(made) is not None


def test_without_its_key_a_round_is_closed_and_the_command_says_that_the_plan_stays(
    made: TinyRepository, tmp_path: Path
) -> None:
    round_id = opened(made, tmp_path)
    (tmp_path / "no-keys").mkdir()

    shown = run("close", made.path, round_id, "--keys", tmp_path / "no-keys")

    assert f"Round {round_id} is dropped" in shown
    assert "Its plan stays on offer until" in shown
    assert offered(made) is not None


def test_a_database_that_is_not_there_is_refused_and_not_made(made: TinyRepository, tmp_path: Path) -> None:
    url = file_url(tmp_path / "mistyped.sqlite3")
    for words in (
        ["status", str(made.path)],
        ["close", str(made.path), "x" * 26],
        ["publish", str(made.path), "x" * 26],
    ):
        result = CliRunner().invoke(rounds, [*words, "--database-url", url])
        assert "there is no database" in str(result.exception)
    run("status", made.path)

    assert list(tmp_path.glob("*.sqlite3")) == []


def test_without_a_round_the_next_step_is_named(made: TinyRepository) -> None:
    assert "pocketrec rounds plan" in run("status", made.path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("report", "x" * 26), "found no round"),
        (("close", "x" * 26), "found no round"),
    ],
)
def test_a_round_that_does_not_exist_is_named(made: TinyRepository, arguments: tuple[str, str], message: str) -> None:
    command, round_id = arguments
    result = CliRunner().invoke(rounds, [command, str(made.path), round_id])

    assert message in str(result.exception)


def test_a_file_that_is_no_plan_is_refused(made: TinyRepository, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(b"\xff{")
    result = CliRunner().invoke(rounds, ["open", str(made.path), str(tmp_path / "plan.json")])

    assert "rounds plan" in str(result.exception)


@pytest.mark.parametrize("repo", ["no-such-folder", "ftp://x/y", "s3://bucket/prefix"])
def test_a_repository_that_cannot_be_used_is_a_usage_error(repo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POCKETREC_DATABASE_URL", raising=False)

    assert CliRunner().invoke(rounds, ["status", repo]).exit_code == 2


def test_a_repository_in_object_storage_needs_a_database_and_the_message_says_why(
    made: TinyRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_json("plan", made.path, *PLAN, "--out", tmp_path / "plan.json")
    monkeypatch.setenv("COLUMNS", "1000")

    done = CliRunner().invoke(rounds, ["open", "s3://bucket/prefix", str(tmp_path / "plan.json")])

    assert done.exit_code == 2
    assert "s3://bucket/prefix is in object storage, where no SQLite file can be beside it" in done.output
    assert "such as --database-url postgresql+asyncpg://USER:PASSWORD@HOST/NAME" in done.output
