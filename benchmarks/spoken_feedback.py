"""What one sentence of truthful feedback is worth (`python -m benchmarks.conversation feedback`)."""

from pathlib import Path


def measure_feedback(bundle: Path, data: Path, n_users: int, seed: int) -> dict[str, object]:
    """Return NDCG at 10 before and after one sentence."""
    raise NotImplementedError
