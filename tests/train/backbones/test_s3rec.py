from dataclasses import replace
from math import exp, log, sqrt

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.train.backbones.tiny_backbones import CONFIG, tiny_group, tiny_inputs, tiny_table
from train.backbones.attention import bidirectional_bias
from train.backbones.attributes import Attributes, number_attributes
from train.backbones.cloze import hide_at_random, hide_segments
from train.backbones.encoder import EncoderConfig, Supervision
from train.backbones.s3rec import ObjectiveWeights, S3Rec, s3rec
from train.loop.batches import Group

ALL_ONE = ObjectiveWeights(aap=1.0, mip=1.0, map=1.0, sp=1.0)
CANDIDATES = torch.arange(2, 24)
N_NEGATIVES = 5


def attributes() -> Attributes:
    inputs = tiny_inputs()
    return number_attributes(inputs.catalogue.fields, inputs.n_items)


def backbone(weights: ObjectiveWeights = ALL_ONE, config: EncoderConfig = CONFIG, hidden_share: float = 0.5) -> S3Rec:
    torch.manual_seed(0)
    made = S3Rec(config, attributes(), CANDIDATES, weights=weights, hidden_share=hidden_share, n_negatives=N_NEGATIVES)
    return made.double().requires_grad_(False)


def predicted(made: S3Rec, group: Group, table: Tensor, seed: int = 1) -> Supervision:
    torch.manual_seed(seed)
    return made.supervise(group._replace(mask=group.mask.double()), lambda rows: F.embedding(rows, table.double()))


def contrast(own: float, others: list[float]) -> float:
    """``-(f - log(exp f + sum exp f~))``, as printed, with the positive in the denominator."""
    return -(own - log(exp(own) + sum(exp(other) for other in others)))


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def slowly(made: S3Rec, group: Group, table: Tensor, seed: int = 1, hidden_share: float = 0.5) -> dict[str, float]:
    """The four objectives written out, one pair at a time; what is drawn is drawn in the same order."""
    scale, item = CONFIG.input_scale, table.double()
    rows = torch.cat([group.rows, group.targets[:, -1:]], 1)
    real = F.pad(group.mask, (0, 1), value=1.0).double()
    torch.manual_seed(seed)
    hidden = hide_at_random(real, hidden_share)
    states = made.encoder.encode(
        torch.where(hidden[:, :, None], made.hidden_event, item[rows]), bidirectional_bias(real)
    )
    drawn = CANDIDATES[torch.randint(len(CANDIDATES), (N_NEGATIVES,))]
    places = [tuple(place) for place in hidden.nonzero().tolist()]

    def about_items(state: Tensor, row: int) -> float:
        f = made.mip.weight @ state
        return contrast(float(f @ item[row] * scale), [float(f @ item[d] * scale) for d in drawn if d != row])

    def about_attributes(asking: Tensor, row: int, drawn: Tensor) -> float:
        value, own = made.attribute.vector, [int(v) for v in made.attribute.values[row] if v]
        others = [float(asking @ value[d] * scale) for d in drawn if int(d) not in own]
        return mean([contrast(float(asking @ value[v] * scale), others) for v in own])

    found = {"mip": mean([about_items(states[place], int(rows[place])) for place in places])}
    for name in ("aap", "map"):
        drawn_values = torch.randint(1, made.attribute.n_values + 1, (N_NEGATIVES,))
        bilinear = made.aap.weight if name == "aap" else made.map.weight
        asking = item[rows] * scale if name == "aap" else states
        having = [place for place in places if made.attribute.values[rows[place]].any()]
        found[name] = mean(
            [about_attributes(bilinear @ asking[place], int(rows[place]), drawn_values) for place in having]
        )
    found["sp"] = segments_slowly(made, item[rows], real)
    return found


def segments_slowly(made: S3Rec, vectors: Tensor, real: Tensor) -> float:
    segment = hide_segments(real)[:, :, None]
    bias = bidirectional_bias(real)
    contexts = made.encoder.encode(torch.where(segment, made.hidden_event, vectors), bias)[:, -1]
    segments = made.encoder.encode(torch.where(segment, vectors, made.hidden_event), bias)[:, -1]
    f = [[float((made.sp.weight @ s) @ t) / sqrt(CONFIG.dim) for t in segments] for s in contexts]
    return mean([contrast(row[user], row[:user] + row[user + 1 :]) for user, row in enumerate(f)])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_objectives_equal_their_formulas_written_out(seed: int) -> None:
    made = backbone()

    found = predicted(made, tiny_group(), tiny_table(), seed).terms

    expected = slowly(made, tiny_group(), tiny_table(), seed)
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(value, abs=1e-9), name


def test_each_objective_counts_by_its_own_weight() -> None:
    plain = predicted(backbone(), tiny_group(), tiny_table()).terms
    weights = ObjectiveWeights(aap=0.0, mip=2.0, map=3.0, sp=0.5)

    found = predicted(backbone(weights), tiny_group(), tiny_table()).terms

    expected = {"aap": 0.0, "mip": 2.0, "map": 3.0, "sp": 0.5}
    assert {name: float(found[name] / plain[name]) for name in plain} == pytest.approx(expected)


def test_the_objectives_leave_what_is_foretold_alone() -> None:
    found, without = (
        predicted(backbone(weights), tiny_group(), tiny_table())
        for weights in (ALL_ONE, ObjectiveWeights(aap=0.0, mip=0.0, map=0.0, sp=0.0))
    )

    assert torch.equal(found.states, without.states)
    assert torch.equal(found.targets, tiny_group().targets)


def test_other_attributes_of_the_items_change_both_attribute_objectives_alone() -> None:
    made, other = backbone(), backbone()
    other.attribute.values.copy_(made.attribute.values.roll(1, 0))

    before, after = (predicted(one, tiny_group(), tiny_table()).terms for one in (made, other))

    assert {name for name in before if before[name] != after[name]} == {"aap", "map"}


def test_a_catalogue_without_fields_has_no_attribute_objectives() -> None:
    made = S3Rec(CONFIG, number_attributes({}, 24), CANDIDATES)

    terms = made.supervise(tiny_group(), lambda rows: F.embedding(rows, tiny_table())).terms

    assert set(terms) == {"mip", "sp"}
    assert all(term.isfinite() for term in terms.values())


def gradients_of(terms: dict[str, Tensor], made: S3Rec) -> dict[str, Tensor]:
    torch.autograd.backward(torch.stack(list(terms.values())).sum())
    return {name: weight.grad for name, weight in made.named_parameters() if weight.grad is not None}


def untrained(known: Attributes, hidden_share: float = 0.5) -> S3Rec:
    torch.manual_seed(0)
    return S3Rec(CONFIG, known, CANDIDATES, weights=ALL_ONE, hidden_share=hidden_share, n_negatives=N_NEGATIVES)


def objectives(made: S3Rec, group: Group, table: Tensor) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return dict(made.supervise(group, lambda rows: F.embedding(rows, table)).terms)


@pytest.mark.parametrize("hidden_share", [0.5, 1.0])
def test_an_item_without_attributes_is_asked_for_none_and_any_share_may_be_hidden(hidden_share: float) -> None:
    made = backbone(hidden_share=hidden_share)
    made.attribute.values[[3, 5, 9]] = 0

    found = predicted(made, tiny_group(), tiny_table()).terms

    expected = slowly(made, tiny_group(), tiny_table(), hidden_share=hidden_share)
    assert {name: float(term) for name, term in found.items()} == pytest.approx(expected, abs=1e-9)


def test_where_everything_is_hidden_no_item_tells_of_its_attributes() -> None:
    made = untrained(attributes(), hidden_share=1.0)

    terms, others = (objectives(made, tiny_group(), tiny_table(seed)) for seed in (0, 1))

    torch.testing.assert_close(terms["map"], others["map"])
    assert not torch.allclose(terms["aap"], others["aap"])


def test_where_no_item_of_a_batch_has_attributes_nothing_is_learnt_of_them() -> None:
    made = untrained(attributes())
    made.attribute.values.zero_()

    terms = objectives(made, tiny_group(), tiny_table())
    found = gradients_of(terms, made)

    assert terms["aap"] == terms["map"] == 0
    assert all((found[f"{name}.weight"] == 0).all() for name in ("aap", "map"))
    assert all(gradient.isfinite().all() for gradient in found.values())


def test_the_objectives_of_a_catalogue_without_fields_are_those_that_ask_for_no_attributes() -> None:
    bare, whole = untrained(number_attributes({}, 24)), untrained(attributes())
    bare.load_state_dict(
        {name: weight for name, weight in whole.state_dict().items() if "vector" not in name}, strict=False
    )

    terms, expected = (objectives(made, tiny_group(), tiny_table()) for made in (bare, whole))

    torch.testing.assert_close(terms["mip"], expected["mip"])
    assert set(terms) == {"mip", "sp"}
    assert all(gradient.isfinite().all() for gradient in gradients_of(terms, bare).values())


@pytest.mark.parametrize("size", [0.0, 1e4, 1e18])
@pytest.mark.parametrize("hidden_share", [0.2, 1.0])
def test_the_objectives_stay_finite_on_vectors_of_zeros_and_on_huge_ones(size: float, hidden_share: float) -> None:
    made = untrained(attributes(), hidden_share)
    table = (size * tiny_table()).requires_grad_()

    terms = objectives(made, tiny_group(), table)
    found = gradients_of(terms, made)

    assert all(term.isfinite() and term >= 0 for term in terms.values())
    assert all(gradient.isfinite().all() for gradient in found.values())
    assert table.grad is not None
    assert table.grad.isfinite().all()


def test_one_user_alone_has_no_other_segments_to_tell_from() -> None:
    group = Group(*(part[:1] for part in tiny_group()))

    assert predicted(backbone(), group, tiny_table()).terms["sp"] == 0


def test_the_longest_sequences_lose_their_oldest_event_before_they_are_hidden_in() -> None:
    config = replace(CONFIG, max_length=5)

    terms = predicted(backbone(config=config), tiny_group(), tiny_table()).terms

    assert all(term.isfinite() for term in terms.values())


def test_only_items_seen_in_training_are_drawn() -> None:
    inputs = tiny_inputs()
    counts = torch.from_numpy(inputs.counts())

    assert torch.equal(s3rec(CONFIG, inputs, 0.0).candidates, (counts > 0).nonzero()[:, 0])


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        ObjectiveWeights(mip=-1.0)
    with pytest.raises(ValueError, match="candidate"):
        S3Rec(CONFIG, attributes(), torch.zeros(0, dtype=torch.long))
    with pytest.raises(ValueError, match="hidden_share"):
        S3Rec(CONFIG, attributes(), CANDIDATES, hidden_share=0.0)
