"""Routes for devices: manifests by target, files by digest. No cookies, queries, device ids or access log."""

import logging
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from litestar import Controller, MediaType, Response
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException, ServiceUnavailableException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter

from server.blob import Body
from server.errors import StorageError
from server.ranges import tag_matches
from server.releases.service import Release, Releases
from server.responses import FileResponse, problems, reading

log = logging.getLogger(__name__)

IfNoneMatch = Annotated[str | None, HeaderParameter(name="If-None-Match")]

SAFE: Final = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
REVALIDATED: Final = {"Cache-Control": "no-cache", **SAFE}
TIMESTAMP: Final = {"Cache-Control": "public, max-age=60", **SAFE}
IMMUTABLE: Final = {"Cache-Control": "public, max-age=31536000, immutable", **SAFE}
TIMESTAMP_NAME: Final = "timestamp.json"
NO_SUCH_FILE: Final = "There is no signed file of this name."
BYTES: Final = "application/octet-stream"

_BAD: Final = "The request is malformed."
_MISSING: Final = problems(bad_request=_BAD, not_found="Nothing on offer has this name.")
_UNCHANGED: Final = {304: ResponseSpec(None, description="The device has it already.")}
_FILE: Final = _UNCHANGED | {
    206: ResponseSpec(bytes, generate_examples=False, description="The range that was asked for.", media_type=BYTES),
    **problems(
        bad_request=_BAD,
        not_found="No offered release has a file with this digest.",
        requested_range_not_satisfiable="The range is outside of the file.",
        service_unavailable="The file was modified, and is being checked again, or its storage does not answer.",
    ),
}


class Offer(msgspec.Struct, frozen=True):
    """A target and its newest release; ``bytes`` is the total size of its files."""

    target: str
    name: str
    release: int
    bytes: int


class ReleaseController(Controller):
    """Manifests by target, files by digest."""

    path = "/v1"

    @reading("/channels", tags=["devices"])
    async def channels(self, releases: NamedDependency[Releases]) -> Response[list[Offer]]:
        """List the available targets."""
        offers = [
            Offer(target, release.manifest.name, release.manifest.release, release.manifest.bundle_bytes)
            for target, release in releases.view.channels.items()
        ]
        return Response(offers, headers=REVALIDATED)

    @reading("/channels/{target:str}/manifest.json", tags=["devices"], responses=_UNCHANGED | _MISSING)
    async def manifest(
        self, target: FromPath[str], releases: NamedDependency[Releases], if_none_match: IfNoneMatch = None
    ) -> Response[bytes]:
        """Return the newest manifest of a target, or 304 if the device has it already."""
        release = _newest(releases, target)
        headers = {"ETag": release.etag, **REVALIDATED}
        if if_none_match is not None and tag_matches(if_none_match, release.etag):
            return Response(b"", status_code=304, headers=headers)
        return Response(release.raw, media_type=MediaType.JSON, headers=headers)

    @reading("/metadata/{name:str}", tags=["devices"], responses=_MISSING)
    async def metadata(self, name: FromPath[str], releases: NamedDependency[Releases]) -> Response[bytes]:
        """Return signed metadata: the timestamp, or a version of another role, which never changes."""
        return _signed(releases.view.metadata, name, TIMESTAMP if name == TIMESTAMP_NAME else IMMUTABLE)

    @reading("/targets/{path:path}", tags=["devices"], responses=_MISSING)
    async def document(self, path: FromPath[str], releases: NamedDependency[Releases]) -> Response[bytes]:
        """Return a signed document, whose digest is part of its path."""
        return _signed(releases.view.documents, path.removeprefix("/"), IMMUTABLE)

    @reading("/files/{sha256:str}", tags=["devices"], responses=_FILE, media_type=BYTES)
    async def file(self, sha256: FromPath[str], releases: NamedDependency[Releases]) -> FileResponse:
        """Return a file, or one range of it, of an offered or the previous release."""
        return FileResponse(await _find(releases, sha256), BYTES, IMMUTABLE)


def _signed(files: Mapping[str, bytes], name: str, headers: Mapping[str, str]) -> Response[bytes]:
    """Return signed bytes from memory."""
    if name not in files:
        if not files:
            raise NotFoundException("The releases of this server are not signed (`pocketrec release init`).")
        raise NotFoundException(NO_SUCH_FILE)
    return Response(files[name], media_type=MediaType.JSON, headers=headers)


def _newest(releases: Releases, target: str) -> Release:
    release = releases.view.channels.get(target)
    if release is None:
        offered = ", ".join(sorted(releases.view.channels)) or "nothing yet"
        raise NotFoundException(f"There is no release for this target. Available targets: {offered}.")
    return release


async def _find(releases: Releases, sha256: str) -> Body:
    """Look up a file by its digest; the name is never joined to a path."""
    try:
        blob = await releases.view.file(sha256)
    except StorageError as error:
        log.warning("not handed out: files/%s: %s", sha256, error)
        raise ServiceUnavailableException("The object storage does not answer; try again later.") from error
    if blob is None:
        raise NotFoundException("No offered release has a file with this digest. Fetch the manifest again.")
    if not blob.is_intact():
        raise ServiceUnavailableException("The file was modified while it was offered; it is being checked again.")
    return blob
