"""For all tests of this folder: searches on tiny logs stay out of the user's cache."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_searches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.transitions.saved_search.SEARCHES", tmp_path_factory.mktemp("searches"))
        yield
