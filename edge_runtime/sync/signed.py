"""The newest bundle of a repository of signed releases; the server need not be trusted.

Metadata is saved before anything that it names is fetched, so that an older release is refused from then on, whatever
happens next.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from edge_runtime.bundle import Manifest
from edge_runtime.bundle.release import ComponentDocument, check_derived, position, scheduled_share
from edge_runtime.device_folder import SLOT_DIGITS, Pointer
from edge_runtime.errors import BundleError, UpdateRefusedError
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
        answer = self._newest(held, installed)
        notes = (*self.metadata.notes, *answer.notes)
        return replace(answer, fresh_until=self.metadata.fresh_until(), notes=notes)

    def _newest(self, held: Pointer | None, installed: Pointer | None) -> Answer:
        if held is not None and held.slot == self.metadata.settled(self.target):
            return Answer(None)
        chain = self.documents.chain()
        slot = chain.final.manifest.sha256[:SLOT_DIGITS]
        if held is not None and held.slot == slot:
            if not chain.notes:
                self.metadata.settle(self.target, slot)
            self.documents.forget_unused()
            return Answer(None, notes=tuple(chain.notes))
        if installed is not None and installed.slot != slot and not self._is_its_turn(chain):
            self.documents.forget_unused()
            return Answer(None, waiting=chain.final.release, notes=tuple(chain.notes))
        offers = self._offers(chain)
        self.documents.forget_unused()
        return self._answer(chain, offers, held, installed)

    def _answer(self, chain: Chain, offers: list[Offer], held: Pointer | None, installed: Pointer | None) -> Answer:
        """Return the first of the offers, unless it is held, or older only because something could not be had."""
        best = offers[0]
        if installed is not None:
            # Metadata must not be older, which is checked above. A component that is withdrawn lowers the number.
            current = Installed(installed.name, installed.target, installed.release)
            check_succession(best.manifest, current, allow_older=True)
        if held is not None and (best.slot == held.slot or (chain.lacks and best.manifest.release < held.release)):
            return Answer(None, notes=tuple(chain.notes))
        fallbacks = [each for each in offers[1:] if held is None or each.manifest.release > held.release]
        return Answer(best, fallbacks=tuple(fallbacks), notes=tuple(chain.notes))

    def _offers(self, chain: Chain) -> list[Offer]:
        """Return the bundles on the way to the final one, that first: whichever is the last that can be used counts."""
        raw, manifest = self.documents.manifest(chain.documents[0])
        with suppress(ValueError):  # a manifest may state a day that no calendar has
            # Not from those of components, whose keys must not move the clock by which rollouts go.
            self.metadata.has_passed(datetime.fromisoformat(manifest.created).timestamp())
        offers = [Offer(raw, manifest, deltas=chain.documents[0].deltas)]
        for document in chain.documents[1:]:
            assert isinstance(document, ComponentDocument)  # noqa: S101 - all but the first are
            try:
                raw, manifest = self._derived(document, offers[0].manifest)
            except (BundleError, UpdateRefusedError) as error:
                chain.leave_out(document.component, error)
                break
            offers.insert(0, Offer(raw, manifest, deltas=document.deltas))
        return offers

    def _derived(self, document: ComponentDocument, base: Manifest) -> tuple[bytes, Manifest]:
        raw, manifest = self.documents.manifest(document)
        check_derived(base, manifest, document.component)
        return raw, manifest

    def _is_its_turn(self, chain: Chain) -> bool:
        """Return whether the staged rollouts of a release and of all its components have come to this device.

        A rollout document that names any of their manifests holds them all back: the key of a component must not open
        the rollout of what it derives from.
        """
        waves = [document.wave for document in chain.documents if document.wave is not None]
        if not waves:
            return True
        rollout, most = self.documents.rollout(), 1.0
        if rollout is not None and rollout.manifest in {document.manifest.sha256 for document in chain.documents}:
            most = 0.0 if rollout.halted else rollout.share
            if rollout.halted:
                chain.notes.append(f"the rollout of release {chain.final.release} is halted")
        now, draw = self.metadata.now(), self.metadata.draw()
        return all(position(wave.salt, draw) < min(scheduled_share(wave, now), most) for wave in waves)
