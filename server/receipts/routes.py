"""The route of receipts. No cookie, no identity, no log of an address."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.exceptions import NotFoundException, TooManyRequestsException, ValidationException
from litestar.params import Body

from edge_runtime.bundle.parsing import JsonError, check_depth
from server.receipts.service import MAX_RECEIPT_BYTES, Receipt, Receipts, Verdict
from server.responses import NO_STORE, AnyRequest, problems

_EXPECTED: Final = "Expected the fields target, manifest and refused (true or false)."
_NOTHING_ELSE: Final[dict[str, Any]] = {"additional_properties": False}


async def check_nesting(request: AnyRequest) -> None:
    """Refuse deeply nested JSON, before the framework decodes it and runs out of stack.

    Raises:
        ValidationException: it is nested too deeply.
    """
    try:
        check_depth(await request.body())
    except JsonError as error:
        raise ValidationException(f"{error}. {_EXPECTED}") from error


@post(
    "/v1/receipts",
    before_request=check_nesting,
    status_code=204,
    request_max_body_size=MAX_RECEIPT_BYTES,
    tags=["devices"],
    responses=problems(
        bad_request="Not JSON of this form.",
        not_found="No release on offer has this manifest.",
        request_entity_too_large=f"More than {MAX_RECEIPT_BYTES} bytes.",
        too_many_requests="Too many receipts at once.",
    ),
)
async def receive(
    request: AnyRequest,
    data: Annotated[Receipt, Body(media_type=RequestEncodingType.JSON, schema_extra=_NOTHING_ELSE)],
    receipts: NamedDependency[Receipts],
) -> Response[None]:
    """Count that a device took or refused a release. Nothing else is stored."""
    verdict = receipts.accept(_strict(await request.body()))
    if verdict is Verdict.LIMITED:
        raise TooManyRequestsException("Too many receipts at once; try again later.", headers={"Retry-After": "60"})
    if verdict is Verdict.NOT_OFFERED:
        raise NotFoundException("No release on offer has this manifest.")
    return Response(None, status_code=204, headers=NO_STORE)


def _strict(body: bytes) -> Receipt:
    """Parse a receipt once more, because the framework would take "true" or 1 for a bit."""
    try:
        return msgspec.json.decode(body, type=Receipt)
    except msgspec.MsgspecError as error:
        raise ValidationException(f"{error}. {_EXPECTED}") from error
