"""A pruned student is exported like any other, smaller, and devices are told what they must support."""

from pathlib import Path

import msgspec

from edge_runtime.bundle.manifest import NARROW_ATTENTION
from export.bundle import Exported, Exporter, Release
from export.target import read_target
from export.verify import verify_bundle
from tests.tiny_student import TinyStudent
from train.distill.pruned_student import prune_student
from train.distill.pruning import Cuts
from train.distill.student import load_student
from train.loop.runs import RunFolder

ENGINES = ("onnxruntime", "reference")


def exported(tiny: TinyStudent, cuts: Cuts | None, out: Path) -> Exported:
    student = tiny.student
    if cuts is not None:
        run = RunFolder(out / "student")
        run.claim({"kind": "student", "data_digest": tiny.dataset.digest}, resume=False)
        prune_student(tiny.dataset, student, cuts, None, (), run, seed=0)
        student = load_student(run.path)
    target = read_target("laptop-x86_64")
    # Converting to TFLite takes half a minute.
    target = msgspec.structs.replace(target, engines=tuple(one for one in target.engines if one.engine in ENGINES))
    return Exporter(student, tiny.dataset, out / "bundles").export(target, Release())


def test_a_bundle_of_fewer_heads_is_smaller_says_so_and_ranks_as_the_student(tiny: TinyStudent, tmp_path: Path) -> None:
    whole = exported(tiny, None, tmp_path / "whole").manifest

    narrow = exported(tiny, Cuts(n_heads=3, n_channels=9), tmp_path / "narrow")

    for engine in narrow.manifest.engines:
        assert narrow.manifest.file(engine.file).bytes < whole.file(engine.file).bytes
    assert NARROW_ATTENTION in narrow.manifest.required_features
    found = verify_bundle(narrow.path, tiny.dataset)
    # Random weights rank worse than popularity does.
    assert [each for each in found.parity_failures if "baseline" not in each] == []
    assert found.budget_failures == []
    assert {engine.engine for engine in found.engines} == set(ENGINES)


def test_fewer_channels_alone_are_read_by_every_device(tiny: TinyStudent, tmp_path: Path) -> None:
    narrow = exported(tiny, Cuts(n_channels=9), tmp_path)

    assert NARROW_ATTENTION not in narrow.manifest.required_features
