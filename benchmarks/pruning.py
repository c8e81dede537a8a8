"""Prints what structured pruning costs and brings: NDCG@10, bytes, and the time of a state in each engine.

The pruned student is compared with the whole one, with as many units drawn at random, and with an encoder of the same
sizes that starts from random weights. All are trained for the same epochs with the same teacher, and measured on all
test users with int8 encoders; the whole student also without further training, as it was distilled. Trainings are kept
in --out: the same command continues.

Usage: python -m benchmarks.pruning --run STUDENT --data DIR --out DIR [--keep 0.75] [--epochs 2] [--teacher RUN]
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table

from benchmarks.pruning_speed import speed_ratios
from edge_runtime.terminal.console import Console
from export.encoder_onnx import export_onnx_int8
from export.quantize import quantize_encoder
from train.backbones.sasrec import SASRec
from train.data.folder import read_folder
from train.data.split import Split, leave_one_out
from train.distill.pruned_student import choose_parts, student_table
from train.distill.pruning import Candidate, Cuts, drawn
from train.distill.recovery import StudentAsTeacher, recovery_config, train_further, whole_encoder
from train.distill.structure import cut, everything, sizes_of
from train.distill.student import DeviceEncoder, Student, load_student
from train.distill.student_model import DistillConfig, StudentModel
from train.distill.teachers import TeacherModel
from train.evaluation.significance import paired_bootstrap
from train.full_model.training import load_model
from train.loop.runs import RunFolder
from train.metrics.ranker import rank_split
from train.metrics.ranking import ndcg

Gains = NDArray[np.float64]
WHOLE, PRUNED = "whole, as distilled", "pruned by importance"


def starts(student: Student, chosen: Candidate, seed: int) -> dict[str, SASRec]:
    """Return the encoders to train, by what they are."""
    encoder = whole_encoder(student)
    torch.manual_seed(seed)
    return {
        PRUNED: cut(encoder, chosen.kept),
        "whole, trained further": cut(encoder, everything(encoder.config)),
        "units drawn at random": cut(encoder, drawn(encoder, chosen.kept, seed)),
        "random weights": SASRec(sizes_of(encoder.config, chosen.kept)),
    }


def trained(
    student: Student, encoder: SASRec, split: Split, config: DistillConfig, run: RunFolder, teacher: TeacherModel | None
) -> StudentModel:
    """Return an encoder with the student's codes after training, or after none for 0 epochs."""
    model = train_further(student, encoder, student_table(student), split, config, run, teacher)
    if not run.finished:
        run.finish({})
    model.table.snap()
    return model


def gains(student: Student, model: SASRec, vectors: torch.Tensor, split: Split) -> Gains:
    """Return NDCG@10 of each test user with an int8 encoder, history excluded."""
    device = DeviceEncoder(model.config)
    device.load_state_dict(model.state_dict())
    rounded = SASRec(model.config).eval()
    rounded.load_state_dict(quantize_encoder(device.eval()).encoder.state_dict())
    ranker = _Ranker(rounded, vectors, StudentAsTeacher(student))
    return ndcg(rank_split(ranker, split.test).excluded, 10)


class _Ranker(torch.nn.Module):
    """An encoder over a table, with the student's knowledge."""

    def __init__(self, encoder: SASRec, vectors: torch.Tensor, student: StudentAsTeacher) -> None:
        super().__init__()
        self.max_length = encoder.config.max_length
        self._encoder, self._vectors, self._student = encoder, vectors, student

    def item_vectors(self) -> torch.Tensor:
        return self._vectors

    def scores(self, rows: torch.Tensor, mask: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        states = self._encoder.user_state(torch.nn.functional.embedding(rows, table), mask)
        return self._student.with_knowledge(states) @ table.T


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return all figures."""
    student, dataset = load_student(arguments.run), read_folder(arguments.data)
    split, seed = leave_one_out(dataset.sequences), arguments.seed
    teacher = None if arguments.teacher is None else load_model(RunFolder(arguments.teacher), dataset)
    chosen = choose_parts(student, split, Cuts(share=arguments.keep), seed)
    encoders = starts(student, chosen, seed)
    found = {WHOLE: gains(student, whole_encoder(student).eval(), torch.from_numpy(student.item_vectors()), split)}
    config = recovery_config(dataset.sequences, epochs=arguments.epochs, seed=seed)
    about = {"kind": "recovery", "data_digest": dataset.digest, "student": student.about, "config": asdict(config)}
    ended: dict[str, StudentModel] = {}
    for name, encoder in encoders.items():
        run = RunFolder(arguments.out / name.replace(", ", "-").replace(" ", "-"))
        start = {"start": name, "encoder": asdict(encoder.config), "teacher": str(arguments.teacher)}
        run.claim(about | start, resume=True)
        ended[name] = trained(student, encoder, split, config, run, teacher)
        found[name] = gains(student, ended[name].backbone, ended[name].item_vectors(), split)
    sizes = {name: _bytes(student, model.backbone) for name, model in ended.items()}
    sizes[WHOLE] = _bytes(student, whole_encoder(student))
    return {
        "kept": [{"block": one.index, "heads": one.heads, "n_channels": len(one.channels)} for one in chosen.kept],
        "epochs": arguments.epochs,
        "teacher": "the student" if arguments.teacher is None else str(arguments.teacher),
        "n_users": len(split.test),
        "rankings": {name: {"onnx_bytes": sizes[name]} | _against(each, found[WHOLE]) for name, each in found.items()},
        "speed": speed_ratios(student, whole_encoder(student), ended[PRUNED].backbone, split.test, arguments.users),
    }


def _against(ours: Gains, whole: Gains) -> dict[str, float]:
    """Return NDCG@10, and its change from the whole student with an interval, relative."""
    compared, base = paired_bootstrap(ours[None], whole[None]), float(whole.mean())
    change = {"change": compared.difference, "low": compared.low, "high": compared.high}
    return {"ndcg@10": float(ours.mean())} | {name: value / base for name, value in change.items()}


def _bytes(student: Student, encoder: SASRec) -> int:
    """Return the size of the int8 ONNX file."""
    device = DeviceEncoder(encoder.config)
    device.load_state_dict(encoder.state_dict())
    shape = {"n_prompts": len(student.prompts["prompts"]), "adapter_rank": student.adapter["a"].shape[1]}
    return len(export_onnx_int8(quantize_encoder(device.eval()), **shape))


def _print(figures: Mapping[str, Any]) -> None:
    console = Console()
    kept = "; ".join(
        f"block {one['block']}: heads {list(one['heads'])}, {one['n_channels']} channels" for one in figures["kept"]
    )
    console.print(f"Kept: {kept}. {figures['epochs']} epochs, teacher: {figures['teacher']}.", soft_wrap=True)
    table = Table(title=f"NDCG@10, {figures['n_users']:,} test users")
    for column in ("encoder", "bytes", "NDCG@10", "against the whole"):
        table.add_column(column, justify="left" if column == "encoder" else "right")
    for name, row in figures["rankings"].items():
        change = f"{row['change']:+.2%} [{row['low']:+.2%}, {row['high']:+.2%}]"
        table.add_row(name, f"{row['onnx_bytes']:,}", f"{row['ndcg@10']:.4f}", change)
    console.print(table)
    speeds = Table(title="Time of a state, pruned / whole, one thread")
    for column in ("engine", "median ms, whole", "ratio", "95 %"):
        speeds.add_column(column, justify="left" if column == "engine" else "right")
    for engine, row in figures["speed"].items():
        speeds.add_row(
            engine, f"{row['whole_ms']:.3f}", f"{row['ratio']:.3f}", f"[{row['low']:.3f}, {row['high']:.3f}]"
        )
    console.print(speeds)


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="Folder of the student.")
    parser.add_argument("--data", type=Path, required=True, help="Data folder that it was distilled on.")
    parser.add_argument("--out", type=Path, required=True, help="Folder for the trainings.")
    parser.add_argument("--teacher", type=Path, help="Run of the full model; the student itself without.")
    parser.add_argument("--keep", type=float, default=0.75, help="Share of the encoder's bytes to keep.")
    parser.add_argument("--epochs", type=int, default=2, help="Epochs of each training, at least 1.")
    parser.add_argument("--users", type=int, default=600, help="Histories that steps are timed on.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(arguments)
    if arguments.json:
        print(json.dumps(figures))
    else:
        _print(figures)


if __name__ == "__main__":
    main()
