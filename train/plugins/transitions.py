"""The transitions plug-in: adds the log-scores of the transitions expert, weighted, to those of the model.

The score of an item becomes ``state . vector + weight * log g`` (:mod:`train.transitions.expert`), a product of two
experts (Hinton, "Products of Experts", 1999). Settings and weight are chosen on the validation events after training.
The weight may be 0, so the mixture is never worse there than the model alone.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from train.data.split import Split
from train.items.features import PluginInputs
from train.plugins.plugin import Calibration, Plugin, Positions
from train.transitions.expert import ExpertConfig, OwnEvents, Queries, TransitionsExpert
from train.transitions.graph import GraphConfig, transition_counts
from train.transitions.mixing import WEIGHTS, ndcg_by_weight
from train.transitions.new_item_search import Beside, choose_new_items
from train.transitions.saved_search import settings_of
from train.transitions.search import MAX_USERS
from train.transitions.similar import similarities


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionsConfig:
    """Settings of the plug-in.

    Attributes:
        search_users: number of validation users on which the expert's settings are chosen; 0 keeps the defaults.
    """

    search_users: int = MAX_USERS

    def __post_init__(self) -> None:
        if self.search_users < 0:
            raise ValueError(f"search_users must be at least 0, got {self.search_users}")


def transitions(config: TransitionsConfig, inputs: PluginInputs) -> Plugin:
    """Return the plug-in for a catalogue and its training events."""
    mixed = MixedExpert(config, inputs)
    return Plugin(
        name="transitions",
        module=mixed,
        log_scores=mixed.log_scores,
        log_scores_at=mixed.log_scores_at,
        calibrate=mixed.calibrate,
        warm_start=mixed.warm_start,
        device_expert=mixed.weighted_expert,
    )


class MixedExpert(nn.Module):
    """The expert with its chosen settings and its weight, which are buffers and so are saved with the model.

    Attributes:
        weight: weight of the expert's log-scores; 0 before :meth:`calibrate`.
        settings: values of ``ExpertConfig`` and ``GraphConfig``, float64.
    """

    weight: Tensor
    settings: Tensor

    def __init__(self, config: TransitionsConfig, inputs: PluginInputs) -> None:
        super().__init__()
        self._config = config
        self._inputs = inputs
        self._similar = cache(lambda: similarities(inputs))
        self._expert: TransitionsExpert | None = None
        self._keeps_settings = config.search_users == 0
        self.register_buffer("weight", torch.zeros((), dtype=torch.float64))
        self.register_buffer("settings", settings_tensor(ExpertConfig()))
        self.register_load_state_dict_pre_hook(_complete)  # type: ignore[no-untyped-call]  # torch does not type it
        self.register_load_state_dict_post_hook(_forget)  # type: ignore[no-untyped-call]  # torch does not type it

    def expert(self) -> TransitionsExpert:
        """Return the expert with the current settings; counts are computed on first use."""
        if self._expert is None:
            config, train = expert_config(self.settings), self._inputs.train
            counts = transition_counts(train.rows, train.users(), self._inputs.n_items, config.graph)
            self._expert = TransitionsExpert(counts, config, self._similar())
        return self._expert

    def weighted_expert(self) -> TransitionsExpert | None:
        """Return the expert, or None if its weight is 0."""
        return self.expert() if float(self.weight) > 0.0 else None

    def log_scores(self, rows: Tensor, mask: Tensor) -> Tensor:
        """Return the weighted log-scores of all items after the newest event, ``[n, n_items]``."""
        if not float(self.weight):
            # As while a model is trained, and validated after each epoch.
            return torch.zeros(len(rows), self._inputs.n_items, device=rows.device)
        events, ends = _queries(rows, mask)
        starts = np.concatenate(([0], ends[:-1, -1]))
        return self._weighted(self.expert().log_scores(Queries(events, starts, ends[:, -1])), rows.device)

    def log_scores_at(self, positions: Positions) -> Callable[[slice], Tensor]:
        """Return a function from a range of the selected positions to their weighted log-scores.

        Transitions of a position's user are left out of the counts; otherwise these would contain the targets.
        """
        events, ends = _queries(positions.rows, positions.visible)
        user, position = (indices.cpu().numpy() for indices in positions.selected.nonzero(as_tuple=True))
        start, end = np.concatenate(([0], ends[:-1, -1]))[user], ends[user, position]
        owner, index = (indices.cpu().numpy() for indices in (positions.mask > 0).nonzero(as_tuple=True))
        own_rows = positions.histories.cpu().numpy()[owner, index]

        def of(chunk: slice) -> Tensor:
            queries = Queries(events, start[chunk], end[chunk])
            own = OwnEvents(own_rows, owner, user[chunk])
            return self._weighted(self.expert().log_scores(queries, own), positions.rows.device)

        return of

    def warm_start(self) -> None:
        """Keep the settings of the earlier run, because other ones change the whole graph; the weight is chosen again.

        Its weight is 0 while the model is trained.
        """
        self._keeps_settings = True
        self.weight.zero_()
        self.forget()

    def calibrate(self, calibration: Calibration) -> dict[str, float]:
        """Choose settings and weight on the validation events; return them, and NDCG@10 with and without the expert."""
        valid = calibration.split.valid
        figures = self._search(calibration.split)
        if calibration.alone or not len(valid):
            self.weight.fill_(1.0)  # any weight gives the same ranking
        else:
            found = ndcg_by_weight(self.expert(), calibration.scores, valid)
            # The smallest of equally good weights.
            best = max(range(len(WEIGHTS)), key=found.__getitem__)
            self.weight.fill_(WEIGHTS[best])
            self._choose_new_items(calibration)
            figures |= {"valid_ndcg@10": found[best], "valid_ndcg@10_without": found[0]}
        return settings_by_name(expert_config(self.settings)) | {"weight": float(self.weight)} | figures

    def _choose_new_items(self, calibration: Calibration) -> None:
        """Choose how often new items follow others again, beside the model: what that costs is less than alone."""
        if calibration.scores_as_new is None or not float(self.weight) or self._keeps_settings:
            return
        config, inputs, valid = expert_config(self.settings), self._inputs, calibration.split.valid
        chosen = choose_new_items(
            inputs.train, valid, inputs.n_items, self._similar(), config,
            seed=inputs.seed, max_users=self._config.search_users,
            beside=Beside(calibration.scores_as_new, float(self.weight)),
        )  # fmt: skip
        self.settings.copy_(settings_tensor(replace(config, new_items=chosen)))
        self.forget()

    def _search(self, split: Split) -> dict[str, float]:
        """Choose the settings; return what the search found."""
        if self._keeps_settings:
            return {}
        chosen = settings_of(
            self._inputs.train, split.valid, self._inputs.n_items, self._similar(),
            seed=self._inputs.seed, max_users=self._config.search_users,
        )  # fmt: skip
        self.settings.copy_(settings_tensor(chosen.config))
        self.forget()
        found = {"search_users": chosen.n_users, "search_ndcg@10": chosen.ndcg}
        return found | {"search_ndcg@10_default": chosen.default_ndcg}

    def _weighted(self, scores: NDArray[np.float32], device: torch.device) -> Tensor:
        return torch.from_numpy(scores).to(device).mul_(self.weight.to(device, torch.float32))

    def forget(self) -> None:
        """Discard what was computed from the settings, after they changed."""
        self._expert = None


def _complete(_module: nn.Module, state: dict[str, Tensor], prefix: str, *_others: object) -> None:
    """Fill in the settings that a run from before they existed lacks, with values that change nothing."""
    values = state.get(f"{prefix}settings")
    if values is not None and len(values) == len(settings_tensor(ExpertConfig())) - 1:
        state[f"{prefix}settings"] = torch.cat([values, values.new_zeros(1)])


def _forget(module: nn.Module, _keys: object) -> None:
    if isinstance(module, MixedExpert):
        module.forget()


def _queries(rows: Tensor, visible: Tensor) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the visible events of all users, ``[E]``, and the end of the history at each position, ``[n, length]``."""
    is_visible: NDArray[np.bool_] = visible.cpu().numpy() > 0
    events = rows.cpu().numpy()[is_visible]
    ends: NDArray[np.int64] = np.cumsum(is_visible, dtype=np.int64)
    return events, ends.reshape(is_visible.shape)


def settings_by_name(config: ExpertConfig) -> dict[str, float]:
    """Return the settings of the expert and of its graph by name."""
    values = asdict(config)
    graph = values.pop("graph")
    return {name: float(value) for name, value in (graph | values).items()}


def settings_tensor(config: ExpertConfig) -> Tensor:
    """Return the settings as a tensor, in the order of :func:`settings_by_name`."""
    return torch.tensor(list(settings_by_name(config).values()), dtype=torch.float64)


def expert_config(settings: Tensor) -> ExpertConfig:
    """Return the settings that :func:`settings_tensor` stored."""
    default = ExpertConfig()
    names, values = list(settings_by_name(default)), settings.tolist()
    # Counts are integers, the other settings are not.
    by_name = {
        name: int(value) if isinstance(getattr(default.graph, name, getattr(default, name, None)), int) else value
        for name, value in zip(names, values, strict=True)
    }
    n_graph = len(asdict(default.graph))
    graph = GraphConfig(**{name: by_name[name] for name in names[:n_graph]})
    return replace(default, graph=graph, **{name: by_name[name] for name in names[n_graph:]})
