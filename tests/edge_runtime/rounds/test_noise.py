"""The noise is the discrete Gaussian, and only the operating system's generator makes it."""

import ast
import hashlib
import itertools
import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from edge_runtime import rounds
from edge_runtime.rounds.noise import ByteSource, discrete_gaussian

SIGNIFICANCE = 1e-3


def stream(seed: str) -> ByteSource:
    """Return a source of bytes that are the same in every run."""
    numbers = itertools.count()

    def take(n_bytes: int) -> bytes:
        return hashlib.shake_256(f"{seed} {next(numbers)}".encode()).digest(n_bytes)

    return take


def probabilities(variance: int, reach: int) -> np.ndarray:
    """Return the exact probabilities of the integers from ``-reach`` to ``reach``."""
    weights = np.array([math.exp(-x * x / (2 * variance)) for x in range(-reach, reach + 1)])
    return np.asarray(weights / weights.sum())


@pytest.mark.no_cover  # a hundred thousand numbers by the same lines
@pytest.mark.parametrize("variance", [1, 2, 5, 30, 256])
def test_the_noise_has_the_exact_probabilities(variance: int) -> None:
    drawn = discrete_gaussian(variance, 20_000, stream(f"variance {variance}"))

    reach = math.ceil(12 * math.sqrt(variance))
    expected = len(drawn) * probabilities(variance, reach)
    found = np.bincount(drawn + reach, minlength=2 * reach + 1).astype(float)
    is_common = expected >= 5  # the rest is one class, as chi-square needs
    found_classes = [*found[is_common], found[~is_common].sum()]
    expected_classes = [*expected[is_common], expected[~is_common].sum()]
    assert stats.chisquare(found_classes, expected_classes, sum_check=False).pvalue > SIGNIFICANCE


def test_the_test_of_probabilities_notices_a_continuous_gaussian_that_is_rounded() -> None:
    variance, reach = 1, 12
    rounded = np.round(np.random.default_rng(0).normal(0.0, 1.0, 20_000)).astype(int)

    found = np.bincount(rounded + reach, minlength=2 * reach + 1)[8:17]
    expected = 20_000 * probabilities(variance, reach)[8:17]

    assert stats.chisquare(found, expected, sum_check=False).pvalue < SIGNIFICANCE


@pytest.mark.parametrize("variance", [4096**2, (1 << 26) ** 2])
def test_wide_noise_is_as_wide_as_it_should_be(variance: int) -> None:
    drawn = discrete_gaussian(variance, 4000, stream("wide"))

    assert stats.kstest(drawn / math.sqrt(variance), "norm").pvalue > SIGNIFICANCE


def test_every_device_draws_its_own_noise() -> None:
    assert discrete_gaussian(1 << 20, 32).tolist() != discrete_gaussian(1 << 20, 32).tolist()


def test_without_the_operating_systems_generator_there_is_no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(n_bytes: int) -> bytes:
        raise NotImplementedError(n_bytes)

    monkeypatch.setattr(os, "urandom", refuse)

    with pytest.raises(NotImplementedError):
        discrete_gaussian(256, 1)


def test_all_bytes_of_the_generator_are_different_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    before, taken = os.urandom, list[bytes]()

    def noting(n_bytes: int) -> bytes:
        taken.append(before(n_bytes))
        return taken[-1]

    monkeypatch.setattr(os, "urandom", noting)
    discrete_gaussian(256, 400)
    discrete_gaussian(256, 400)

    assert len(taken) > 2
    assert len(set(taken)) == len(taken)


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def test_no_module_of_the_rounds_uses_a_statistics_generator() -> None:
    names = {name for path in Path(rounds.__path__[0]).glob("*.py") for name in _imported(path)}

    assert "os.urandom" in names
    assert not {name for name in names if name.split(".")[0] == "random" or name.startswith(("np.random", "numpy.r"))}


def test_noise_without_variance_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at least 1"):
        discrete_gaussian(0, 1)
