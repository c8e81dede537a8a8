"""Golden vectors: walks over real transitions that disclose no history, and the outputs of the trained model."""

import numpy as np

from edge_runtime.bundle.golden import TOP
from edge_runtime.bundle.transitions import dump_transitions, unpack_transitions
from edge_runtime.engines.protocol import SmallMatrices
from edge_runtime.ranking import best_rows
from edge_runtime.transitions import TransitionScores, combined_scores
from export.golden import golden_sequences, golden_vectors
from export.quantize import quantize_encoder
from tests.export.encoder_cases import Case, torch_state
from tests.tiny_student import CONFIG, N_ITEMS, TinyStudent
from tests.tiny_transitions import tiny_followers, tiny_settings
from train.data.sequences import Sequences
from train.distill.student import Student


def sequences_of(*histories: list[int]) -> Sequences:
    rows = np.array([row for history in histories for row in history], dtype=np.int32)
    offsets = np.cumsum([0, *map(len, histories)]).astype(np.int64)
    return Sequences(tuple(f"u{n}" for n in range(len(histories))), offsets, rows, np.arange(len(rows), dtype=np.int64))


def triples_of(rows: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> set[tuple[int, ...]]:
    listed = rows.tolist()
    return set(zip(listed, listed[1:], listed[2:], strict=False))


def test_no_three_consecutive_events_are_of_one_user(tiny: TinyStudent) -> None:
    real = set().union(*(triples_of(rows) for rows in tiny.dataset.sequences))

    walks = golden_sequences(tiny.dataset.sequences, N_ITEMS, CONFIG.max_length)

    assert real
    assert not real.intersection(*[set().union(*map(triples_of, walks))])


def test_no_walk_is_the_history_of_a_user(tiny: TinyStudent) -> None:
    histories = {tuple(rows.tolist()) for rows in tiny.dataset.sequences}

    walks = golden_sequences(tiny.dataset.sequences, N_ITEMS, CONFIG.max_length)

    assert not histories.intersection(tuple(walk.tolist()) for walk in walks)


def test_walks_follow_real_transitions(tiny: TinyStudent) -> None:
    transitions = {
        pair for rows in tiny.dataset.sequences for pair in zip(rows.tolist(), rows[1:].tolist(), strict=False)
    }

    walks = golden_sequences(tiny.dataset.sequences, N_ITEMS, CONFIG.max_length)

    real = [pair in transitions for walk in walks for pair in zip(walk.tolist(), walk[1:].tolist(), strict=False)]
    assert np.mean(real) > 0.5


def test_lengths_range_from_one_to_the_maximum_without_pairs(tiny: TinyStudent) -> None:
    walks = golden_sequences(tiny.dataset.sequences, N_ITEMS, CONFIG.max_length)

    lengths = {len(walk) for walk in walks}
    assert len(walks) == 32
    assert {1, CONFIG.max_length} <= lengths
    assert 2 not in lengths


def test_excluded_triples_may_be_of_other_sequences_than_the_transitions() -> None:
    followed = sequences_of([0, 1], [1, 2], [2, 3])

    walks = golden_sequences(followed, 4, 3, excluded=sequences_of([0, 1, 2], [1, 2, 3]), n_sequences=8)

    assert not {(0, 1, 2), (1, 2, 3)}.intersection(*[set().union(*map(triples_of, walks))])


def test_walks_of_the_release_before_are_kept_unless_a_user_has_taken_them() -> None:
    before = sequences_of([0, 1], [1, 2], [2, 3], [3, 0])
    earlier = golden_sequences(before, 4, 5, n_sequences=8)
    taken = next(walk for walk in earlier if len(walk) == 3).tolist()
    after = sequences_of([0, 1], [1, 2], [2, 3], [3, 0], taken)

    same = golden_sequences(before, 4, 5, n_sequences=8, seed=1, earlier=earlier)
    others = golden_sequences(after, 5, 5, n_sequences=8, earlier=earlier)

    assert [walk.tolist() for walk in same] == [walk.tolist() for walk in earlier]
    assert tuple(taken) not in set().union(*map(triples_of, others))
    assert sum(new.tolist() == old.tolist() for new, old in zip(others, earlier, strict=True)) > 0
    assert [len(walk) for walk in others] == [len(walk) for walk in earlier]


def test_a_log_without_transitions_gives_random_sequences() -> None:
    walks = golden_sequences(sequences_of([0], [1]), 5, 4, n_sequences=6)

    assert all(walk.min() >= 0 and walk.max() < 5 for walk in walks)


def test_walks_depend_on_the_seed(tiny: TinyStudent) -> None:
    def walks(seed: int) -> list[list[int]]:
        return [walk.tolist() for walk in golden_sequences(tiny.dataset.sequences, N_ITEMS, 12, seed=seed)]

    assert walks(0) == walks(0)
    assert walks(0) != walks(1)


def test_golden_vectors_are_outputs_of_the_quantized_encoder_for_decoded_items(tiny: TinyStudent) -> None:
    student = tiny.student
    assert student.encoder is not None
    encoder = quantize_encoder(student.encoder).encoder
    small = SmallMatrices(
        student.prompts["prompts"], student.prompts["knowledge"], student.adapter["a"], student.adapter["b"]
    )
    rows = np.array([3, 4, 9], dtype=np.int64)

    golden = golden_vectors(
        encoder, student.codes, small.prompts, small.knowledge, small.adapter_a, small.adapter_b, [rows]
    )

    state = torch_state(encoder, Case(student.codes.decode(rows), small))
    np.testing.assert_array_equal(golden.states[0], state)
    scores = student.item_vectors().astype(np.float64) @ state.astype(np.float64)
    assert not set(rows.tolist()).intersection(golden.top_rows[0].tolist())
    best = [row for row in np.lexsort((np.arange(N_ITEMS), -scores.round(9))) if row not in rows][:TOP]
    assert golden.top_rows[0].tolist() == best


def transitions_of(student: Student) -> TransitionScores:
    made = tiny_followers(N_ITEMS, np.random.default_rng(0))
    arrays = dump_transitions(made.offsets, made.followers, made.levels, N_ITEMS)
    settings = tiny_settings(len(made.followers), None)
    return TransitionScores(unpack_transitions(arrays, settings, N_ITEMS), student.codes)


def test_the_best_rows_are_those_of_states_and_transitions_together(tiny: TinyStudent) -> None:
    student = tiny.student
    assert student.encoder is not None
    matrices = (student.prompts["prompts"], student.prompts["knowledge"], student.adapter["a"], student.adapter["b"])
    rows, transitions = np.array([3, 4, 9], dtype=np.int64), transitions_of(student)

    plain = golden_vectors(student.encoder, student.codes, *matrices, [rows])
    golden = golden_vectors(student.encoder, student.codes, *matrices, [rows], transitions)

    np.testing.assert_array_equal(golden.states, plain.states)
    scores = combined_scores(student.codes, golden.states[0], transitions, rows)
    assert scores is not None
    assert golden.top_rows[0].tolist() == best_rows(scores, TOP, rows).tolist()
    assert golden.top_rows[0].tolist() != plain.top_rows[0].tolist()


def test_without_an_encoder_the_states_are_zero_and_the_rows_those_of_transitions(tiny: TinyStudent) -> None:
    student = tiny.student
    matrices = (student.prompts["prompts"], student.prompts["knowledge"], student.adapter["a"], student.adapter["b"])
    rows, transitions = np.array([3, 4, 9], dtype=np.int64), transitions_of(student)

    golden = golden_vectors(None, student.codes, *matrices, [rows], transitions)

    assert golden.states.shape == (1, CONFIG.dim)
    assert not golden.states.any()
    assert golden.top_rows[0].tolist() == best_rows(transitions.scores(rows), TOP, rows).tolist()
