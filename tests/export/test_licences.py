"""A language model of others goes into a bundle only under a permissive licence, or one that was accepted by name."""

from pathlib import Path

import pytest

from export.finished_gguf import describe_finished
from export.gguf import write_gguf
from export.language_model import LICENCE, source_licences, store_model
from export.licences import LicenceError, checked_licences
from export.parts import PartCache
from tests.export.gguf_bytes import STRING, changed, gguf
from tests.tiny_language_model import make_language_model
from train.errors import RunError
from train.reasons.model_card import CARD, SAME_AS_CATALOGUE, base_model, stated_licences, write_card


@pytest.mark.parametrize(("stated", "named"), [("apache-2.0", "Apache-2.0"), ("MIT", "MIT"), ("cc0-1.0", "CC0-1.0")])
def test_a_permissive_licence_is_enough_and_gets_the_name_of_spdx(stated: str, named: str) -> None:
    assert checked_licences([stated], [], "model") == (named,)


def test_a_model_that_states_no_licence_is_refused_whatever_is_accepted() -> None:
    for stated in ([], [" "]):
        with pytest.raises(LicenceError, match="states no licence"):
            checked_licences(stated, ["apache-2.0", "gemma"], "model")


def test_a_licence_that_is_not_permissive_has_to_be_accepted_by_its_name() -> None:
    with pytest.raises(LicenceError, match=r"found the licence gemma, which is not permissive.*--accept-licence gemma"):
        checked_licences(["gemma"], [], "model")
    with pytest.raises(LicenceError, match=r"--accept-licence names llama3\.2"):
        checked_licences(["gemma"], ["llama3.2"], "model")

    assert checked_licences(["gemma"], ["Gemma"], "model") == ("gemma",)


def test_a_licence_without_commercial_use_is_refused_by_default_and_says_why() -> None:
    with pytest.raises(LicenceError, match="It forbids commercial use"):
        checked_licences(["cc-by-nc-4.0"], [], "facebook/MobileLLM-125M")


def test_every_licence_of_a_model_has_to_be_in_order() -> None:
    with pytest.raises(LicenceError, match=r"found the licence llama3\.2,"):
        checked_licences(["mit", "llama3.2"], [], "model")


def test_a_name_that_does_not_fit_into_a_manifest_is_refused() -> None:
    for name in ("x" * 101, "mit\nand more"):
        with pytest.raises(LicenceError, match="expected a name"):
            checked_licences([name], [name], "model")


CARDS = {
    "---\nlicense: apache-2.0\ntags: [a]\n---\n# Model": ("apache-2.0",),
    "---\nlicense:\n- mit\n- gemma\n---\n": ("mit", "gemma"),
    "---\nlicense: other\nlicense_name: lfm1.0\nlicense_link: x\n---\n": ("lfm1.0",),
    "---\nlicense: other\n---\n": ("other",),
    "---\ntags: [a]\n---\nlicense: mit": (),
    "# Model\nlicense: mit\n": (),
    "": (),
}


@pytest.mark.parametrize("card", CARDS)
def test_the_licence_is_read_from_the_front_matter_of_the_card(card: str, tmp_path: Path) -> None:
    (tmp_path / CARD).write_text(card)

    assert stated_licences(tmp_path) == CARDS[card]


@pytest.mark.parametrize("card", ["---\nlicense: [1, 2]\n---\n", "---\nlicense: {a: b}\n---\n", "---\na: [b\n---\n"])
def test_a_card_that_cannot_be_understood_is_refused(card: str, tmp_path: Path) -> None:
    (tmp_path / CARD).write_text(card)

    with pytest.raises(RunError, match="license"):
        stated_licences(tmp_path)


def test_a_card_of_other_bytes_than_text_or_of_any_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / CARD).write_bytes(b"---\nlicense: \xff\n---\n")
    with pytest.raises(RunError, match="not YAML in UTF-8"):
        stated_licences(tmp_path)

    (tmp_path / CARD).write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(RunError, match="at most 1,048,576"):
        stated_licences(tmp_path)


def test_a_model_without_a_card_or_out_of_reach_states_no_licence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    assert stated_licences(tmp_path) == ()
    assert stated_licences("nobody/no-such-model") == ()


def test_the_card_of_a_tuned_model_names_the_licence_and_the_model_that_it_comes_from(tmp_path: Path) -> None:
    write_card(tmp_path, ("apache-2.0",), "owner/base")

    assert (stated_licences(tmp_path), base_model(tmp_path)) == (("apache-2.0",), "owner/base")


def test_a_model_of_the_catalogue_only_has_the_licence_of_the_data(tmp_path: Path) -> None:
    folder = make_language_model(tmp_path / "model")

    assert stated_licences(folder) == (SAME_AS_CATALOGUE,)
    assert checked_licences(stated_licences(folder), [], "model") == ()


def test_a_converted_file_names_the_licence_of_its_model(tmp_path: Path) -> None:
    folder = make_language_model(tmp_path / "model")
    write_card(folder, ("apache-2.0",), "owner/base")

    write_gguf(folder, tmp_path / "f16.gguf")

    assert describe_finished(tmp_path / "f16.gguf").licences == ("apache-2.0",)


def test_a_model_is_stored_only_once_its_licence_is_accepted_and_then_says_so(tmp_path: Path) -> None:
    folder = make_language_model(tmp_path / "model")
    write_card(folder, ("gemma",), "owner/base")
    parts = PartCache(tmp_path / "parts")

    with pytest.raises(LicenceError, match="found the licence gemma"):
        store_model(folder, "F16", parts)
    stored = store_model(folder, "F16", parts, accepted=["gemma"])

    assert stored.licences == ("gemma",)
    assert stored.provenance == {
        "language_model": "owner/base", LICENCE: "gemma", "language_model_licence_accepted": "gemma",
    }  # fmt: skip


def test_the_licence_of_a_source_is_checked_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(gguf(changed(("general.license", STRING, "cc-by-nc-4.0"))))

    with pytest.raises(LicenceError, match=r"cc-by-nc-4\.0"):
        source_licences(str(tmp_path / "model.gguf"), [])
    with pytest.raises(RunError, match="file not found"):
        source_licences(str(tmp_path / "other.gguf"), [])
    with pytest.raises(LicenceError, match="states no licence"):
        source_licences(str(tmp_path), [])
    assert source_licences(str(tmp_path / "model.gguf"), ["CC-BY-NC-4.0"]) == ("cc-by-nc-4.0",)


def test_the_shape_of_a_folder_is_checked_before_any_work(tmp_path: Path) -> None:
    write_card(tmp_path, ("mit",), "owner/base")
    (tmp_path / "config.json").write_text('{"architectures": ["MistralForCausalLM"]}')

    with pytest.raises(RunError, match="found the architecture MistralForCausalLM"):
        source_licences(str(tmp_path), [])
