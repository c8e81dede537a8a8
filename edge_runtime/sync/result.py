"""Tells a server whether this device took or refused a release: one bit, if its user has agreed to it.

A server stops a staged rollout when too many devices refuse the release in their self-test. The message has the target,
the release and the bit: no identity, nothing about the user, and nothing that would link two messages.
"""

from typing import Final

import msgspec
from msgspec import Struct

from edge_runtime.errors import ServerUnreachableError
from edge_runtime.sync.device_metadata import DeviceMetadata
from edge_runtime.sync.folder_transport import FolderTransport
from edge_runtime.sync.transport import HttpTransport

PATH: Final = "/v1/receipts"
NOT_TOLD: Final = "the server was not told of the result"
"""How the note of a failure begins."""
_WITHIN_S: Final = 10.0
_ACCEPTED: Final = 204


class Result(Struct, frozen=True):
    """The message; ``manifest`` is the sha256 of the release's manifest."""

    target: str
    manifest: str
    refused: bool


def tell_result(
    transport: HttpTransport | FolderTransport, metadata: DeviceMetadata, target: str, manifest: str, *, refused: bool
) -> bool:
    """Send the message, once for each release; return whether it was sent now.

    Args:
        transport: the server.
        metadata: remembers what was told; a device that tries again would count as many otherwise.
        target: target of the release.
        manifest: sha256 of the release's manifest.
        refused: whether its self-test failed here.

    Raises:
        ServerUnreachableError: it could not be delivered.
    """
    message = f"{manifest} {'refused' if refused else 'taken'}"
    if not metadata.has_root or message in metadata.told():
        return False
    try:
        status = transport.post(PATH, msgspec.json.encode(Result(target, manifest, refused)), within_s=_WITHIN_S)
    except ServerUnreachableError as error:
        raise ServerUnreachableError(f"{NOT_TOLD}: {error}") from error
    if status != _ACCEPTED:
        raise ServerUnreachableError(f"{NOT_TOLD} (status {status})")
    metadata.note_told(message)
    return True
