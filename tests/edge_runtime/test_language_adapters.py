"""Adapters of the language model in the manifest."""

from typing import Any

import msgspec
import pytest

from edge_runtime.bundle.delta import diff_files, read_pack
from edge_runtime.bundle.folder import describe
from edge_runtime.bundle.manifest import LanguageAdapter, LanguageModel, Manifest, dump_manifest, parse_manifest
from edge_runtime.errors import BundleError
from tests.tiny_bundle import Shape, tiny_contents

SHOP, STYLE = LanguageAdapter("shop", "shop.gguf", "list-v1"), LanguageAdapter("style", "style.gguf", "facts-v2")
FILES = (
    describe("writer.gguf", "language_model", b"model"),
    describe("shop.gguf", "language_adapter", b"one"),
    describe("style.gguf", "language_adapter", b"two"),
)


def manifest_with(*adapters: LanguageAdapter) -> Manifest:
    manifest, contents = tiny_contents(n_items=4, seed=0, target="laptop-x86_64", shape=Shape(), release=1, name="tiny")
    model = LanguageModel("writer.gguf", 512, "facts-v2", adapters)
    files = tuple(describe(name, role, data) for name, (role, data) in contents.items())
    return msgspec.structs.replace(manifest, language_model=model, files=(*files, *FILES))


def test_a_manifest_with_several_adapters_is_read_as_written() -> None:
    manifest = manifest_with(SHOP, STYLE)

    assert parse_manifest(dump_manifest(manifest)) == manifest
    assert manifest.language_model is not None
    assert manifest.language_model.adapter_for("list-v1") == SHOP
    assert manifest.language_model.adapter_for("facts-v1") is None


def test_a_release_with_another_adapter_moves_no_other_file() -> None:
    before = manifest_with(SHOP, STYLE)
    data, changed = bytes(range(256)) * 100, bytes(range(256)) * 99 + bytes(256)
    old, new = (
        msgspec.structs.replace(
            before,
            files=tuple(
                describe(one.name, one.role, content) if one.name == "shop.gguf" else one for one in before.files
            ),
        )
        for content in (data, changed)
    )

    pack = diff_files({"shop.gguf": data}, {"shop.gguf": changed}, old, new)

    assert pack is not None
    assert len(pack) < 300
    assert read_pack(pack, new).names == ("shop.gguf",)
    assert [one for one in new.files if one not in old.files] == [describe("shop.gguf", "language_adapter", changed)]


def test_a_manifest_without_adapters_has_no_entry_for_them() -> None:
    assert b"adapters" not in dump_manifest(manifest_with())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"file": "writer.gguf"}, "writer.gguf has the role 'language_model', expected 'language_adapter'"),
        ({"file": "nothing.gguf"}, r"found no file 'nothing\.gguf'"),
        ({"name": "style"}, "two adapters of the language model have the same name"),
        ({"name": "../shop"}, "adapters"),
    ],
)
def test_an_adapter_that_does_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    manifest = manifest_with(msgspec.structs.replace(SHOP, **changes), STYLE)

    with pytest.raises(BundleError, match=message):
        parse_manifest(dump_manifest(manifest))
