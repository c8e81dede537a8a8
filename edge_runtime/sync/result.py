"""Tells a server whether this device took or refused a release: one bit, if its user has agreed to it.

A server stops a staged rollout when too many devices refuse the release in their self-test. The message has the target,
the release and the bit: no identity, nothing about the user, and nothing that would link two messages.
"""

import hashlib
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from edge_runtime.bundle.folder import read_manifest
from edge_runtime.errors import ServerUnreachableError
from edge_runtime.sync.device_metadata import DeviceMetadata
from edge_runtime.sync.folder_transport import FolderTransport
from edge_runtime.sync.transport import HttpTransport

PATH: Final = "/v1/receipts"
_WITHIN_S: Final = 10.0


class Result(Struct, frozen=True):
    """The message; ``manifest`` is the sha256 of the release's manifest."""

    target: str
    manifest: str
    refused: bool


def tell_result(
    transport: HttpTransport | FolderTransport, metadata: DeviceMetadata, target: str, bundle: Path, *, refused: bool
) -> str | None:
    """Send the message, once for each release; return why it could not be delivered, or None.

    Args:
        transport: the server.
        metadata: remembers what was told; a device that tries again would count as many otherwise.
        target: target of the release.
        bundle: folder of the release.
        refused: whether its self-test failed here.
    """
    digest = hashlib.sha256(read_manifest(bundle)).hexdigest()
    if not metadata.has_root or not metadata.tell_once(digest, refused=refused):
        return None
    try:
        status = transport.post(PATH, msgspec.json.encode(Result(target, digest, refused)), within_s=_WITHIN_S)
    except ServerUnreachableError as error:
        return f"the server was not told of the result: {error}"
    return None if status == 204 else f"the server was not told of the result (status {status})"
