"""What is compared: one engine of one bundle each, opened anew for every round."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import msgspec
import numpy as np

from edge_runtime.bundle.folder import BundleFolder
from edge_runtime.bundle.golden import TOP
from edge_runtime.bundle.manifest import EngineVariant
from edge_runtime.contents import Contents, open_contents
from edge_runtime.engines.candidates import EngineCandidates
from edge_runtime.engines.protocol import Floats
from edge_runtime.errors import EngineError, ProfileError
from edge_runtime.ranking import Rows, best_rows
from edge_runtime.recommender import Recommender
from edge_runtime.state.history import History
from edge_runtime.transitions import TransitionScores, combined_scores


@dataclass(frozen=True, slots=True)
class Variant:
    """An engine of a bundle.

    Attributes:
        name: unique in the profile.
        folder: the bundle.
        engine: entry of the manifest; None for a bundle without engines, which ranks by transitions.
    """

    name: str
    folder: BundleFolder
    engine: EngineVariant | None

    @property
    def asked(self) -> str:
        """Engine and precision."""
        if self.engine is None:
            return f"{TransitionScores.name} {TransitionScores.precision}"
        return f"{self.engine.engine} {self.engine.precision}"

    def contents(self) -> Contents:
        """Read the bundle, with this engine alone.

        Raises:
            BundleError: a file is damaged.
        """
        engines = () if self.engine is None else (self.engine,)
        manifest = msgspec.structs.replace(self.folder.manifest, engines=engines)
        contents = open_contents(self.folder, language_model=False)
        return replace(contents, folder=replace(self.folder, manifest=manifest))


@dataclass(frozen=True, slots=True)
class Instance:
    """A variant in memory, with a state file of its own."""

    variant: Variant
    contents: Contents
    candidates: EngineCandidates
    recommender: Recommender
    row_of: dict[str, int]

    @classmethod
    def open(cls, variant: Variant, state: Path | None) -> Self:
        """Open a variant; its engine has passed the self-test on the golden vectors.

        Raises:
            ProfileError: it failed the self-test.
        """
        contents = variant.contents()
        candidates = contents.engine_candidates()
        recommender = Recommender(contents, candidates, History.open(state), language_model=False)
        opened = cls(variant, contents, candidates, recommender, {one: row for row, one in _rows(contents)})
        if opened.actual != variant.asked:
            recommender.close()
            refusals = "; ".join(one.reason for one in candidates.refusals)
            raise ProfileError(f"{variant.name}: {refusals or 'cannot be used'}")
        return opened

    @property
    def actual(self) -> str:
        """Engine and precision that lists come from now."""
        status = self.recommender.engine
        return f"{status.name} {status.precision}"

    def rows(self, history: Sequence[str]) -> Rows:
        """Return the newest events as catalogue rows."""
        rows = [self.row_of[one] for one in history if one in self.row_of]
        return np.array(rows[-self.contents.folder.manifest.encoder.max_length :], dtype=np.int64)

    def encode(self, rows: Rows) -> Floats:
        """Return the state after some rows.

        Raises:
            EngineError: the engine failed.
        """
        state = self.candidates.encode(self.contents.codes.decode(rows))
        if state is None:
            raise EngineError(f"{self.variant.name}: {self.candidates.refusals[-1].reason}")
        return state

    def best(self, state: Floats | None, rows: Rows) -> Rows:
        """Return the ten best rows by the state and the transitions."""
        scores = combined_scores(self.contents.codes, state, self.candidates.transitions, rows)
        if scores is None:
            raise EngineError(f"{self.variant.name}: there is nothing to score with")
        return best_rows(scores, TOP, rows)

    def recommend(self, history: Sequence[str]) -> list[str]:
        """Return the ids of the ten best items, as an app gets them."""
        return [one.item_id for one in self.recommender.recommend(TOP, history=history)]

    def close(self) -> None:
        """Close the state file."""
        self.recommender.close()


def engine_variants(folder: BundleFolder, label: str = "") -> list[Variant]:
    """Return a variant for each engine of a bundle, or one for its transitions alone."""
    engines = folder.manifest.engines or (None,)
    variants = [Variant("", folder, engine) for engine in engines]
    return [replace(one, name=f"{label}{one.asked}") for one in variants]


def _rows(contents: Contents) -> list[tuple[int, str]]:
    return list(enumerate(contents.items.item_id))
