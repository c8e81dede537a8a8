"""The device's commands: what they print, what they refuse, and with which exit code."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge_runtime import Recommender, Where, none_of
from edge_runtime.bundle.manifest import EngineVariant
from edge_runtime.cli import main
from tests.attacks.draft import read_draft
from tests.attacks.transitions import other_transitions
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_transitions import ALONE, WITH_ENGINES, TinyTransitions


def pocketrec(*arguments: str | Path) -> int:
    """Run the command in this process and return its exit code."""
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    code = left.value.code
    return code if isinstance(code, int) else int(code is not None)


def printed(capsys: pytest.CaptureFixture[str]) -> Any:  # noqa: ANN401 - JSON
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("command", ["inspect", "recommend", "run"])
def test_help_teaches_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert pocketrec(command, "--help") == 0

    assert f"Example: pocketrec {command} " in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ("inspect",),
        ("recommend",),
        ("recommend", "x", "--k", "0"),
        ("recommend", "x", "--k", "many"),
        ("recommend", "x", "--diversity", "1.5"),
        ("recommend", "x", "--language", "it"),
        ("recommend", "x", "--where", "brand"),
        ("recommend", "x", "--where", "price<cheap"),
        ("recommend", "x", "--where", "brand=|||"),
        ("run",),
        ("run", "x", "--state", ""),
        ("inspect", "x", "--colour"),
    ],
)
def test_misuse_is_exit_code_2(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert pocketrec(*arguments) == 2

    assert capsys.readouterr().err


@pytest.mark.parametrize("command", ["inspect", "recommend", "run"])
def test_a_folder_without_a_bundle_is_exit_code_1_with_advice(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pocketrec(command, tmp_path) == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert "pocketrec export" in said.err
    assert "Traceback" not in said.err


def test_inspect_shows_every_file_and_engine(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pocketrec("inspect", bundle) == 0

    out = capsys.readouterr().out
    for file in bundle.iterdir():
        if file.name != "manifest.json":
            assert file.name in out
    assert "tiny shop, release 1" in out
    assert "passed" in out
    assert "ranking part" in out


def test_inspect_as_json_adds_up(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pocketrec("inspect", bundle, "--json") == 0

    found = printed(capsys)
    size = {entry["role"]: entry["bytes"] for entry in found["files"]}
    assert found["intact"] is True
    assert found["bundle_bytes"] == sum(size.values())
    assert found["ranking_bytes"] == sum(size[role] for role in ("encoder", "codes", "prompts", "adapter"))
    assert found["engines"][0]["self_test"]["overlap"] == 1.0


@pytest.mark.parametrize(
    ("transitions", "outcome"), [(WITH_ENGINES, "always available"), (ALONE, "passed")], ids=["with engines", "alone"]
)
def test_inspect_lists_the_transitions(
    transitions: TinyTransitions,
    outcome: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    manifest = make_tiny_bundle(tmp_path / "b", transitions=transitions)

    assert pocketrec("inspect", tmp_path / "b") == 0

    out = capsys.readouterr().out
    assert "101 transitions with weight 0.5, for the newest 4 events; similarity by 8 dimensions of their own" in out
    assert " + ".join(entry.role for entry in manifest.ranking_files) in out
    assert "similarity.safetensors" in out
    (line,) = (line for line in out.splitlines() if line.startswith("transitions ") and "uint4" in line)
    assert outcome in line


def test_inspect_reports_transitions_that_fail_in_a_bundle_without_engines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_tiny_bundle(tmp_path / "good", transitions=ALONE)
    draft = read_draft(tmp_path / "good")
    other_transitions(draft)
    draft.write(tmp_path / "other")

    assert pocketrec("inspect", tmp_path / "other", "--json") == 0

    (result,) = printed(capsys)["engines"]
    assert (result["engine"], result["self_test"]) == ("transitions", None)
    assert "failed the self-test" in result["refusal"]


def test_inspect_names_every_damaged_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "b"
    make_tiny_bundle(folder)
    for name in ("codes.safetensors", "items.json.z"):
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)

    assert pocketrec("inspect", folder, "--json") == 1
    said = capsys.readouterr()
    assert set(json.loads(said.out)["damage"]) == {"codes.safetensors", "items.json.z"}
    assert said.err.count("sha256") >= 2
    assert pocketrec("inspect", folder) == 1
    assert capsys.readouterr().out.count("damaged") == 2


def test_inspect_tells_which_engines_do_not_work_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    variant = EngineVariant("onnxruntime", "int8", "encoder.onnx", 1e-3, 0.99)
    make_tiny_bundle(tmp_path / "b", extra={"encoder.onnx": ("encoder", b"no graph")}, engines=(variant,))

    assert pocketrec("inspect", tmp_path / "b", "--json") == 0

    first, second = printed(capsys)["engines"]
    assert (first["engine"], first["self_test"]) == ("onnxruntime", None)
    assert first["refusal"]
    assert (second["engine"], second["refusal"]) == ("reference", None)


def test_recommend_as_json_is_the_contract(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pocketrec("recommend", bundle, "--history", "item-7,item-3", "--k", "4", "--json") == 0

    found = printed(capsys)
    assert set(found) == {"ok", "bundle", "release", "engine", "history", "unknown", "diversity", "items", "latency_ms"}
    assert found["diversity"] == 0.0
    assert found["bundle"] == "tiny shop"
    assert found["engine"] == {"name": "reference", "precision": "int8", "fallbacks": []}
    assert found["history"] == ["item-7", "item-3"]
    assert [item["rank"] for item in found["items"]] == [1, 2, 3, 4]
    assert set(found["items"][0]) == {"rank", "item_id", "title", "score"}
    assert 0 < found["latency_ms"] < 1000


def test_recommend_can_be_diversified(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pocketrec("recommend", bundle, "--history", "item-7", "--json") == 0
    precise = printed(capsys)
    assert pocketrec("recommend", bundle, "--history", "item-7", "--diversity", "0.9", "--json") == 0
    diverse = printed(capsys)

    assert diverse["diversity"] == 0.9
    assert diverse["items"] != precise["items"]
    assert diverse["items"][0] == precise["items"][0]


def test_recommend_explains_when_asked(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pocketrec("recommend", bundle, "--history", "item-7", "--explain", "--json") == 0

    items = printed(capsys)["items"]
    assert len(items) == 10
    assert all(item["reason"] and item["reason_source"] == "template" for item in items)


def test_recommend_explains_in_the_language_that_was_asked_for(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("recommend", bundle, "--history", "item-7", "--explain", "--as-text", "--language", "fr", "--json")
    assert pocketrec(*command) == 0
    found = printed(capsys)

    with Recommender.open(bundle) as recommender:
        items = recommender.recommend(10, history=["item-7"])
        reasons = recommender.explain_list(items, history=["item-7"], language="fr")
        text = "".join(piece.text for piece in recommender.write_list(items, history=["item-7"], language="fr"))
    assert [item["reason"] for item in found["items"]] == [reason and reason.text for reason in reasons]
    assert found["text"] == text


def test_a_text_without_a_language_model_says_so_on_stderr(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pocketrec("recommend", bundle, "--history", "item-7", "--as-text") == 0

    shown = capsys.readouterr()
    assert "comes from a template, because the bundle has no language model" in shown.err
    assert "template" not in shown.out


def test_recommend_prints_the_list_with_reasons_before_the_text(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("recommend", bundle, "--history", "item-7", "-k", "3")
    printed_by = {}
    for options in ((), ("--explain",), ("--as-text",), ("--explain", "--as-text")):
        assert pocketrec(*command, *options) == 0
        printed_by[options] = capsys.readouterr().out

    both = printed_by["--explain", "--as-text"]
    assert both.endswith("\n\n" + printed_by["--as-text",])
    assert "why" in both.splitlines()[0]


def test_recommend_leaves_unknown_ids_out_with_a_warning(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pocketrec("recommend", bundle, "--history", "item-7,itm-3", "--json") == 0
    found = printed(capsys)
    assert found["history"] == ["item-7"]
    assert found["unknown"] == ["itm-3"]

    assert pocketrec("recommend", bundle, "--history", "item-7,itm-3") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "'itm-3' is not in the catalogue" in out
    assert "Did you mean 'item-3'" in out


def test_recommend_refuses_a_history_of_unknown_ids_alone(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pocketrec("recommend", bundle, "--history", "itm-3,nonsense", "--json") == 1

    said = capsys.readouterr()
    assert json.loads(said.out)["error"]["type"] == "UnknownItemError"
    assert "itm-3" in said.err
    assert "nonsense" in said.err
    assert "item-3" in said.err


def test_of_many_unknown_ids_a_few_are_named(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unknown = ",".join(f"itm-{number}" for number in range(2_000))

    assert pocketrec("recommend", bundle, "--history", unknown) == 1

    said = " ".join(capsys.readouterr().err.split())
    assert said.count("Did you mean") == 5
    assert "and 1,995 more." in said


@pytest.mark.parametrize("history", [(), ("--history", ""), ("--history", " , ")])
def test_recommend_without_a_history_gives_the_popular(
    bundle: Path, capsys: pytest.CaptureFixture[str], history: tuple[str, ...]
) -> None:
    assert pocketrec("recommend", bundle, *history, "--json") == 0

    assert printed(capsys)["items"][0]["score"] == 1.0


def test_recommend_takes_the_history_in_parts(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pocketrec("recommend", bundle, "--history", "item-7", "--history", "item-3, item-4", "--json") == 0

    assert printed(capsys)["history"] == ["item-7", "item-3", "item-4"]


def test_recommend_filters_by_facts(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--where", "brand=Aster|Birch", "--where", "categories!=Bath", "--exclude", "item-1", "-k", "40", "--json")
    assert pocketrec("recommend", bundle, *words) == 0

    with Recommender.open(bundle) as recommender:
        where: Where = {"brand": {"Aster", "Birch"}, "categories": none_of("Bath")}
        expected = recommender.recommend(40, [], where=where, exclude=["item-1"])
        assert 0 < len(expected) < 20
        assert [item["item_id"] for item in printed(capsys)["items"]] == [item.item_id for item in expected]


def test_recommend_chooses_among_candidates_and_keeps_seen_items_if_asked(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--history", "item-3", "--candidates", "item-3,item-5", "--json")
    pocketrec("recommend", bundle, *words)
    assert [item["item_id"] for item in printed(capsys)["items"]] == ["item-5"]

    pocketrec("recommend", bundle, *words, "--include-seen")
    assert {item["item_id"] for item in printed(capsys)["items"]} == {"item-3", "item-5"}


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("brnd=Aster", "Did you mean 'brand'"),
        ("brand=Astr", "no item has the brand 'Astr'. Did you mean 'Aster'"),
        ("brand<20", "needs a number"),
    ],
)
def test_recommend_refuses_a_filter_that_does_not_fit_the_facts(
    bundle: Path, capsys: pytest.CaptureFixture[str], condition: str, message: str
) -> None:
    assert pocketrec("recommend", bundle, "--where", condition) == 1

    assert message in " ".join(capsys.readouterr().err.split())


def test_recommend_says_that_nothing_is_left(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pocketrec("recommend", bundle, "--candidates", "item-3", "--exclude", "item-3") == 0

    assert "No item is left" in capsys.readouterr().out


def test_recommend_refuses_one_flipped_byte(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_tiny_bundle(tmp_path / "b", pictures=True)
    file = tmp_path / "b" / "pictures.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)

    assert pocketrec("recommend", tmp_path / "b", "--history", "item-7") == 1

    assert "pictures.safetensors" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "found"), [("nowhere", "there is no such folder"), ("file", "is a file")])
def test_a_path_that_is_no_folder_is_told_from_a_folder_without_a_bundle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, found: str
) -> None:
    (tmp_path / "file").write_text("")

    assert pocketrec("inspect", tmp_path / name) == 1

    assert found in " ".join(capsys.readouterr().err.split())
