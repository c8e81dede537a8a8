"""Signs the document that halts a rollout, with the keys of ``rollout``, ``snapshot`` and ``timestamp``."""

from pathlib import Path

from edge_runtime.bundle.release import RolloutDocument, dump_document, rollout_path, scheduled_share
from server.objects import Place
from server.repository.draft import Draft
from server.repository.keys import KeyRing
from server.repository.offer import read_offer
from server.repository.repository import changing
from server.repository.roles import ROLLOUT


class Signing:
    """Halts rollouts in a repository.

    Args:
        repository: the folder of the repository.
        keys: folder with the keys, which the passphrase in the environment opens.

    Raises:
        RepositoryError: there is no repository, or it is damaged.
        SigningError: a key is missing or cannot be opened.
    """

    def __init__(self, repository: Place, keys: Path) -> None:
        self._path = repository
        self._keys = KeyRing([keys])
        with changing(repository) as opened:
            Draft(opened, self._keys).change(ROLLOUT)  # opens the keys: a missing one is noticed at the start

    def halt(self, target: str, manifest: str) -> bool:
        """Halt the rollout of a final manifest; return False if it is no longer on offer, or halted already.

        Raises:
            BusyError: another process is changing the repository.
            RepositoryError: the repository is damaged, or a key was replaced.
        """
        with changing(self._path) as repository:
            offer = read_offer(repository, target)
            if offer is None or offer.final.sha256 != manifest or (offer.rollout and offer.rollout.halted):
                return False
            draft = Draft(repository, self._keys)
            wave = offer.final.document.wave
            share = offer.rollout.share if offer.rollout else scheduled_share(wave, draft.now.timestamp())
            document = RolloutDocument(target=target, manifest=manifest, share=share, halted=True)
            draft.change(ROLLOUT)
            draft.put(ROLLOUT, rollout_path(target), dump_document(document))
            draft.commit()
        return True
