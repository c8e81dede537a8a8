"""Recovery of a point: a few epochs for what was made smaller, with the whole student as its teacher."""

from dataclasses import asdict
from pathlib import Path

from export.fitting.material import Made, Material, Table
from export.fitting.points import Point
from export.quantize import quantize_encoder
from train.backbones.sasrec import SASRec
from train.data.dataset import Dataset
from train.data.split import Split
from train.distill.codes import CodedTable
from train.distill.recovery import train_further
from train.distill.student import DeviceEncoder
from train.distill.student_model import DistillConfig
from train.loop.fit import batch_users_for
from train.loop.runs import RunFolder


def recover(
    material: Material, point: Point, split: Split, dataset: Dataset, folder: Path, *, epochs: int, seed: int
) -> None:
    """Train encoder and codes of a point, or resume an interrupted training, and let ``material`` use the result.

    Args:
        material: the parts of the student, which is the teacher.
        point: the point; its transitions are not changed.
        split: training and validation events.
        dataset: their data.
        folder: receives checkpoint and weights.
        epochs: number of epochs.
        seed: random seed.

    Raises:
        RunError: the folder has a training of other settings, or training diverged.
    """
    if material.is_recovered(point):
        return
    student, made = material.student, material.made(point)
    n_events = int(dataset.sequences.lengths.sum())
    config = DistillConfig.of(
        seed=seed, batch_users=batch_users_for(len(dataset.sequences)), n_events=n_events, epochs=epochs
    )
    run = RunFolder(folder)
    kept = {"encoder": asdict(point.encoder), "plan": None if point.plan is None else asdict(point.plan)}
    about = {"kind": "recovery", "data_digest": dataset.digest, "student": student.about, "kept": kept}
    run.claim(about | {"epochs": epochs, "seed": seed}, resume=True)
    encoder = SASRec(made.encoder.config)
    encoder.load_state_dict(made.encoder.state_dict())
    table = CodedTable.of_arrays(made.table.arrays, made.table.sizes)
    model = train_further(student, encoder, table, split, config, run)
    if not run.finished:
        run.finish({})
    device = DeviceEncoder(model.backbone.config)
    device.load_state_dict(model.backbone.state_dict())
    material.set_recovered(point, Made(quantize_encoder(device.eval()).encoder, Table.of(model.table)))
