"""Progress of the writer's training where no bar is shown."""

import io

from edge_runtime.terminal.console import Console
from train.reasons.tuning import Reporter, Stage

STAGE = Stage(name="pretraining", n_steps=100, batch_size=1, learning_rate=0.1, reasons_only=False, seed=0)


def test_a_line_comes_every_quarter_of_a_minute_with_the_time_that_is_left() -> None:
    out, clock = io.StringIO(), [0.0]
    report = Reporter(Console(file=out), STAGE, 10, lambda: clock[0])

    for n_steps in range(11, 51):
        clock[0] += 5.0
        report.step([2.5] * n_steps)

    lines = out.getvalue().splitlines()
    assert len(lines) == 40 * 5 // 15
    assert lines[0] == "writer: pretraining  13 of 100 steps  loss 2.500  about 8 min left"


def test_the_last_step_has_no_line_of_progress() -> None:
    out, clock = io.StringIO(), [0.0]
    report = Reporter(Console(file=out), STAGE, 99, lambda: clock[0])
    clock[0] = 60.0

    report.step([2.5] * 100)

    assert out.getvalue() == ""
