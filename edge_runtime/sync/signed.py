"""The newest bundle of a repository of signed releases; the server need not be trusted.

Metadata is saved before anything that it names is fetched, so that an older release is refused from then on, whatever
happens next.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from edge_runtime.bundle import Manifest
from edge_runtime.bundle.release import position, scheduled_share
from edge_runtime.device_folder import SLOT_DIGITS, Pointer
from edge_runtime.sync.channel import Answer, Offer
from edge_runtime.sync.device_metadata import DeviceMetadata
from edge_runtime.sync.documents import Chain, SignedDocuments
from edge_runtime.sync.fetch import Source
from edge_runtime.sync.trust import Installed, check_succession


@dataclass(frozen=True, slots=True)
class SignedChannel:
    """A repository of signed releases; see :class:`~edge_runtime.sync.channel.Channel`.

    Attributes:
        documents: what is signed for the target.
    """

    documents: SignedDocuments

    @property
    def source(self) -> Source:
        """The server, or any other place of the files."""
        return self.documents.source

    @property
    def target(self) -> str:
        """The requested target."""
        return self.documents.target

    @property
    def metadata(self) -> DeviceMetadata:
        """The trusted metadata of this device."""
        return self.documents.metadata

    def newest(self, held: Pointer | None, installed: Pointer | None) -> Answer:
        """Return the newest bundle; see :class:`Channel`."""
        self.metadata.update(self.source)
        if held is not None and held.slot == self.metadata.settled(self.target):
            answer = Answer(None, fresh_until=self.metadata.fresh_until())
        else:
            chain = self.documents.chain()
            self._note_time(chain.steps[0].manifest)
            answer = self._answer(chain, held, installed)
            self.documents.forget_unused()
        return replace(answer, notes=(*self.metadata.notes, *answer.notes))

    def _answer(self, chain: Chain, held: Pointer | None, installed: Pointer | None) -> Answer:
        final, slot = chain.final.manifest, chain.final.sha256[:SLOT_DIGITS]
        if installed is None:
            return self._offers(chain, above=0)
        # Metadata must not be older, which is checked before. A component that is withdrawn lowers the number.
        current = Installed(installed.name, installed.target, installed.release)
        check_succession(final, current, allow_older=True)
        if held is not None and held.slot == slot:
            if not chain.notes:
                self.metadata.settle(self.target, slot)
            return self._keep(chain)
        if chain.lacks and final.release < installed.release:
            # What cannot be had must not bring back what was before it: a server without any key could undo releases.
            return self._keep(chain)
        if installed.slot != slot and not self._is_its_turn(chain):
            return replace(self._keep(chain), waiting=final.release)
        return self._offers(chain, above=installed.release)

    def _keep(self, chain: Chain) -> Answer:
        """Return the answer to keep what is installed. A server that hides something does not confirm it as fresh."""
        return Answer(None, fresh_until=None if chain.lacks else self.metadata.fresh_until(), notes=tuple(chain.notes))

    def _offers(self, chain: Chain, *, above: int) -> Answer:
        """Return the newest bundle, and those that it derives from, as far as their numbers are above that in use."""
        first, *others = (Offer(step.raw, step.manifest, deltas=step.document.deltas) for step in reversed(chain.steps))
        return Answer(
            first,
            fallbacks=tuple(offer for offer in others if offer.manifest.release > above),
            fresh_until=self.metadata.fresh_until(),
            notes=tuple(chain.notes),
        )

    def _note_time(self, manifest: Manifest) -> None:
        """Note when a whole bundle was made: that time has passed, for a device without a clock.

        Not that of components, whose keys must not move the clock by which rollouts go.
        """
        with suppress(ValueError):  # a manifest may state a day that no calendar has
            self.metadata.has_passed(datetime.fromisoformat(manifest.created).timestamp())

    def _is_its_turn(self, chain: Chain) -> bool:
        """Return whether the staged rollouts of a release and of all its components have come to this device.

        A rollout document that names any of their manifests holds them all back: the key of a component must not open
        the rollout of what it derives from. Nor must a server that hides a component: what is missing may be named.
        """
        waves = [step.document.wave for step in chain.steps if step.document.wave is not None]
        if not waves:
            return True
        rollout, most = self.documents.rollout(), 1.0
        if rollout is not None and (chain.lacks or rollout.manifest in {step.sha256 for step in chain.steps}):
            most = 0.0 if rollout.halted else rollout.share
            if rollout.halted:
                chain.notes.append(f"the rollout of release {chain.final.manifest.release} is halted")
        now, draw = self.metadata.now(), self.metadata.draw()
        return all(position(wave.salt, draw) < min(scheduled_share(wave, now), most) for wave in waves)
