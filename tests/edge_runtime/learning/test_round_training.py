"""The training of a round: towards what the user does next, the same for the same seed, and within the plan's sizes."""

from itertools import count
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from edge_runtime.bundle import open_folder
from edge_runtime.contents import Contents, open_contents
from edge_runtime.errors import RoundError
from edge_runtime.learning.adamw import MAX_NUMBERS
from edge_runtime.learning.adapter_step import EXCLUDED, adapter_step
from edge_runtime.learning.round_training import DEFAULT_SETTINGS, RoundTraining
from edge_runtime.rounds.participate import Adapter
from edge_runtime.rounds.plan import RoundPlan
from tests.tiny_bundle import Shape, make_tiny_bundle
from tests.tiny_learning import LEARNING, make_learning_bundle
from tests.tiny_round import plan_with
from tests.tiny_transitions import WITH_ENGINES

SEQUENCE = np.array([1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4])


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    folder = tmp_path_factory.mktemp("bundle")
    make_tiny_bundle(folder, transitions=WITH_ENGINES)
    return open_contents(open_folder(folder))


def plan_of(contents: Contents, **changes: object) -> RoundPlan:
    sizes = contents.folder.manifest.encoder
    fields = {"rank": sizes.adapter_rank, "dim": sizes.dim, "sigma": 0.0, "steps": 30, "learning_rate": 0.05}
    return plan_with(**(fields | changes))


def adapter_of(contents: Contents) -> Adapter:
    return Adapter(contents.small.adapter_a, contents.small.adapter_b)


def training(contents: Contents, sequence: np.ndarray = SEQUENCE, seed: int = 7) -> RoundTraining:
    return RoundTraining(contents, contents.engine_candidates(), sequence, seed)


def test_an_update_lowers_the_loss_of_the_history(contents: Contents) -> None:
    trained, adapter = training(contents), adapter_of(contents)

    update = trained(plan_of(contents), adapter)

    examples, base = trained.examples(), adapter.b.astype(np.float64)
    assert adapter_step(examples, adapter.a, base + update).loss < 0.95 * adapter_step(examples, adapter.a, base).loss


def test_the_same_seed_gives_the_same_update_and_another_one_another(contents: Contents) -> None:
    plan, adapter = plan_of(contents), adapter_of(contents)

    one, two, other = (training(contents, seed=seed)(plan, adapter) for seed in (7, 7, 8))

    assert one.tobytes() == two.tobytes()
    assert one.tobytes() != other.tobytes()


def test_a_step_takes_as_many_examples_as_the_plan_says(contents: Contents) -> None:
    adapter = adapter_of(contents)

    few, all_of_them = (training(contents)(plan_of(contents, batch=batch, steps=1), adapter) for batch in (2, 1024))

    assert few.tobytes() != all_of_them.tobytes()


def test_a_plan_that_asks_for_too_much_gets_the_steps_that_fit_into_the_time(contents: Contents) -> None:
    seconds = count(step=10)
    hurried = RoundTraining(contents, contents.engine_candidates(), SEQUENCE, 7, lambda: float(next(seconds)))
    adapter = adapter_of(contents)

    update = hurried(plan_of(contents, steps=10_000), adapter)

    assert update.tobytes() == training(contents)(plan_of(contents, steps=6), adapter).tobytes()


def test_only_the_newest_events_are_examples_and_each_is_told_apart_from_what_the_user_did_not_choose(
    contents: Contents,
) -> None:
    n = DEFAULT_SETTINGS.examples

    examples = training(contents, np.resize(SEQUENCE, n + 20)).examples()

    assert examples.offsets.shape == (n, 40)
    assert (examples.offsets == EXCLUDED).sum(axis=1).tolist() == [3] * n  # of the user's own four items
    assert (examples.offsets[np.arange(n), examples.chosen] == 0.0).all()
    assert examples.following.any()


def test_the_settings_of_the_bundle_count(tmp_path: Path) -> None:
    make_learning_bundle(tmp_path, replace(LEARNING, temperature=2.0, examples=4))
    learning = open_contents(open_folder(tmp_path))

    examples = training(learning).examples()

    assert len(examples.states) == 4
    assert (2.0 * examples.vectors == learning.codes.decode(np.arange(40))).all()


def test_a_plan_of_fewer_rows_trains_the_first_ones(contents: Contents) -> None:
    assert training(contents)(plan_of(contents, rank=1), adapter_of(contents)).shape == (1, 16)


def test_a_device_whose_optimizer_holds_fewer_numbers_trains_fewer_rows(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path, shape=Shape(dim=512, rank=8))
    wide = open_contents(open_folder(tmp_path))

    update = training(wide)(plan_of(wide, steps=1), adapter_of(wide))

    assert update.shape == (MAX_NUMBERS // 512, 512)


def test_one_event_is_too_few_to_learn_from(contents: Contents) -> None:
    with pytest.raises(RoundError, match="fewer than two"):
        training(contents, SEQUENCE[:1])(plan_of(contents), adapter_of(contents))


def test_without_a_usable_engine_nothing_is_trained(contents: Contents) -> None:
    class Broken:
        name, precision = "broken", "float32"

        def encode(self, embeddings: np.ndarray, small: object) -> np.ndarray:
            raise RuntimeError

    engines = contents.engine_candidates(first=Broken())
    while engines.engine is not None:
        engines.next_engine()

    with pytest.raises(RoundError, match="no engine"):
        RoundTraining(contents, engines, SEQUENCE, 7)(plan_of(contents), adapter_of(contents))
