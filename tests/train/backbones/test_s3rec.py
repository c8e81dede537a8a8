from dataclasses import replace
from math import exp, log, sqrt

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.train.backbones.tiny_backbones import CONFIG, tiny_group, tiny_inputs, tiny_table
from train.backbones.attention import bidirectional_bias
from train.backbones.attributes import Attributes, number_attributes
from train.backbones.cloze import mask_randomly, mask_segments
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
    module = S3Rec(
        config, attributes(), CANDIDATES, weights=weights, hidden_share=hidden_share, n_negatives=N_NEGATIVES
    )
    return module.double().requires_grad_(False)


def supervision_of(module: S3Rec, group: Group, table: Tensor, seed: int = 1) -> Supervision:
    torch.manual_seed(seed)
    return module.supervise(group._replace(mask=group.mask.double()), lambda rows: F.embedding(rows, table.double()))


def contrast(own: float, others: list[float]) -> float:
    """Compute ``-(f - log(exp f + sum exp f~))``, with the positive in the denominator."""
    return -(own - log(exp(own) + sum(exp(other) for other in others)))


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def reference(module: S3Rec, group: Group, table: Tensor, seed: int = 1, hidden_share: float = 0.5) -> dict[str, float]:
    """Compute the four objectives one pair at a time, with the same random draws."""
    scale, item = CONFIG.input_scale, table.double()
    rows = torch.cat([group.rows, group.targets[:, -1:]], 1)
    real = F.pad(group.mask, (0, 1), value=1.0).double()
    torch.manual_seed(seed)
    hidden = mask_randomly(real, hidden_share)
    states = module.encoder.encode(
        torch.where(hidden[:, :, None], module.hidden_event, item[rows]), bidirectional_bias(real)
    )
    drawn = CANDIDATES[torch.randint(len(CANDIDATES), (N_NEGATIVES,))]
    positions = [tuple(position) for position in hidden.nonzero().tolist()]

    def about_items(state: Tensor, row: int) -> float:
        f = module.mip.weight @ state
        return contrast(float(f @ item[row] * scale), [float(f @ item[d] * scale) for d in drawn if d != row])

    def about_attributes(query: Tensor, row: int, drawn: Tensor) -> float:
        value, own = module.attribute.vector, [int(v) for v in module.attribute.values[row] if v]
        others = [float(query @ value[d] * scale) for d in drawn if int(d) not in own]
        return mean([contrast(float(query @ value[v] * scale), others) for v in own])

    result = {"mip": mean([about_items(states[position], int(rows[position])) for position in positions])}
    for name in ("aap", "map"):
        drawn_values = torch.randint(1, module.attribute.n_values + 1, (N_NEGATIVES,))
        bilinear = module.aap.weight if name == "aap" else module.map.weight
        query = item[rows] * scale if name == "aap" else states
        having = [position for position in positions if module.attribute.values[rows[position]].any()]
        result[name] = mean(
            [about_attributes(bilinear @ query[position], int(rows[position]), drawn_values) for position in having]
        )
    result["sp"] = reference_segment_loss(module, item[rows], real)
    return result


def reference_segment_loss(module: S3Rec, vectors: Tensor, real: Tensor) -> float:
    segment = mask_segments(real)[:, :, None]
    bias = bidirectional_bias(real)
    contexts = module.encoder.encode(torch.where(segment, module.hidden_event, vectors), bias)[:, -1]
    segments = module.encoder.encode(torch.where(segment, vectors, module.hidden_event), bias)[:, -1]
    f = [[float((module.sp.weight @ s) @ t) / sqrt(CONFIG.dim) for t in segments] for s in contexts]
    return mean([contrast(row[user], row[:user] + row[user + 1 :]) for user, row in enumerate(f)])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_objectives_match_their_formulas(seed: int) -> None:
    module = backbone()

    result = supervision_of(module, tiny_group(), tiny_table(), seed).terms

    expected = reference(module, tiny_group(), tiny_table(), seed)
    assert set(result) == set(expected)
    for name, value in expected.items():
        assert float(result[name]) == pytest.approx(value, abs=1e-9), name


def test_each_objective_has_its_own_weight() -> None:
    plain = supervision_of(backbone(), tiny_group(), tiny_table()).terms
    weights = ObjectiveWeights(aap=0.0, mip=2.0, map=3.0, sp=0.5)

    result = supervision_of(backbone(weights), tiny_group(), tiny_table()).terms

    expected = {"aap": 0.0, "mip": 2.0, "map": 3.0, "sp": 0.5}
    assert {name: float(result[name] / plain[name]) for name in plain} == pytest.approx(expected)


def test_the_objectives_do_not_change_the_next_item_task() -> None:
    result, without = (
        supervision_of(backbone(weights), tiny_group(), tiny_table())
        for weights in (ALL_ONE, ObjectiveWeights(aap=0.0, mip=0.0, map=0.0, sp=0.0))
    )

    assert torch.equal(result.states, without.states)
    assert torch.equal(result.targets, tiny_group().targets)


def test_attributes_affect_only_the_attribute_objectives() -> None:
    module, other = backbone(), backbone()
    other.attribute.values.copy_(module.attribute.values.roll(1, 0))

    before, after = (supervision_of(one, tiny_group(), tiny_table()).terms for one in (module, other))

    assert {name for name in before if before[name] != after[name]} == {"aap", "map"}


def test_a_catalogue_without_fields_has_no_attribute_objectives() -> None:
    module = S3Rec(CONFIG, number_attributes({}, 24), CANDIDATES)

    terms = module.supervise(tiny_group(), lambda rows: F.embedding(rows, tiny_table())).terms

    assert set(terms) == {"mip", "sp"}
    assert all(term.isfinite() for term in terms.values())


def gradients_of(terms: dict[str, Tensor], module: S3Rec) -> dict[str, Tensor]:
    torch.autograd.backward(torch.stack(list(terms.values())).sum())
    return {name: weight.grad for name, weight in module.named_parameters() if weight.grad is not None}


def untrained(known: Attributes, hidden_share: float = 0.5) -> S3Rec:
    torch.manual_seed(0)
    return S3Rec(CONFIG, known, CANDIDATES, weights=ALL_ONE, hidden_share=hidden_share, n_negatives=N_NEGATIVES)


def objectives(module: S3Rec, group: Group, table: Tensor) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return dict(module.supervise(group, lambda rows: F.embedding(rows, table)).terms)


@pytest.mark.parametrize("hidden_share", [0.5, 1.0])
def test_items_without_attributes_are_skipped_for_any_masking_share(hidden_share: float) -> None:
    module = backbone(hidden_share=hidden_share)
    module.attribute.values[[3, 5, 9]] = 0

    result = supervision_of(module, tiny_group(), tiny_table()).terms

    expected = reference(module, tiny_group(), tiny_table(), hidden_share=hidden_share)
    assert {name: float(term) for name, term in result.items()} == pytest.approx(expected, abs=1e-9)


def test_fully_masked_sequences_give_no_information_on_attributes() -> None:
    module = untrained(attributes(), hidden_share=1.0)

    terms, others = (objectives(module, tiny_group(), tiny_table(seed)) for seed in (0, 1))

    torch.testing.assert_close(terms["map"], others["map"])
    assert not torch.allclose(terms["aap"], others["aap"])


def test_a_batch_without_attributes_has_no_gradient_for_them() -> None:
    module = untrained(attributes())
    module.attribute.values.zero_()

    terms = objectives(module, tiny_group(), tiny_table())
    result = gradients_of(terms, module)

    assert terms["aap"] == terms["map"] == 0
    assert all((result[f"{name}.weight"] == 0).all() for name in ("aap", "map"))
    assert all(gradient.isfinite().all() for gradient in result.values())


def test_without_fields_only_item_and_segment_objectives_remain() -> None:
    bare, whole = untrained(number_attributes({}, 24)), untrained(attributes())
    bare.load_state_dict(
        {name: weight for name, weight in whole.state_dict().items() if "vector" not in name}, strict=False
    )

    terms, expected = (objectives(module, tiny_group(), tiny_table()) for module in (bare, whole))

    torch.testing.assert_close(terms["mip"], expected["mip"])
    assert set(terms) == {"mip", "sp"}
    assert all(gradient.isfinite().all() for gradient in gradients_of(terms, bare).values())


@pytest.mark.parametrize("size", [0.0, 1e4, 1e18])
@pytest.mark.parametrize("hidden_share", [0.2, 1.0])
def test_the_objectives_stay_finite_for_zero_and_huge_vectors(size: float, hidden_share: float) -> None:
    module = untrained(attributes(), hidden_share)
    table = (size * tiny_table()).requires_grad_()

    terms = objectives(module, tiny_group(), table)
    result = gradients_of(terms, module)

    assert all(term.isfinite() and term >= 0 for term in terms.values())
    assert all(gradient.isfinite().all() for gradient in result.values())
    assert table.grad is not None
    assert table.grad.isfinite().all()


def test_a_single_user_has_no_negative_segments() -> None:
    group = Group(*(part[:1] for part in tiny_group()))

    assert supervision_of(backbone(), group, tiny_table()).terms["sp"] == 0


def test_the_longest_sequences_are_truncated_before_masking() -> None:
    config = replace(CONFIG, max_length=5)

    terms = supervision_of(backbone(config=config), tiny_group(), tiny_table()).terms

    assert all(term.isfinite() for term in terms.values())


def test_only_items_of_the_training_events_are_sampled() -> None:
    inputs = tiny_inputs()
    counts = torch.from_numpy(inputs.counts())

    assert torch.equal(s3rec(CONFIG, inputs, 0.0).candidates, (counts > 0).nonzero()[:, 0])


def test_invalid_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        ObjectiveWeights(mip=-1.0)
    with pytest.raises(ValueError, match="candidate"):
        S3Rec(CONFIG, attributes(), torch.zeros(0, dtype=torch.long))
    with pytest.raises(ValueError, match="hidden_share"):
        S3Rec(CONFIG, attributes(), CANDIDATES, hidden_share=0.0)
