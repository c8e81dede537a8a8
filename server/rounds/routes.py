"""The route of updates. No cookie, no identity, no log of an address."""

from http import HTTPStatus
from typing import Any, Final

from litestar import MediaType, Response, post
from litestar.di import NamedDependency
from litestar.enums import ScopeType
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.params import FromPath
from litestar.types import ASGIApp, Receive, Scope, Send

from edge_runtime.rounds.plan import MAX_UPDATE_BYTES
from server.releases.fast import Observe
from server.responses import NO_STORE, PROBLEM_JSON, AnyRequest, problem, problems
from server.rounds.intake import Answer, Intake, Verdict

BYTES: Final = "application/octet-stream"
PREFIX: Final = "/v1/rounds/"
SUFFIX: Final = "/updates"
_TOO_LARGE: Final = f"More than {MAX_UPDATE_BYTES} bytes."
_STATUSES: Final = {
    Verdict.COUNTED: HTTPStatus.ACCEPTED,
    Verdict.BEFORE: HTTPStatus.OK,
    Verdict.NO_ROUND: HTTPStatus.NOT_FOUND,
    Verdict.CLOSED: HTTPStatus.CONFLICT,
    Verdict.STALE: HTTPStatus.GONE,
    Verdict.OTHER_ADAPTER: HTTPStatus.UNPROCESSABLE_ENTITY,
    Verdict.MALFORMED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Verdict.LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    Verdict.FAILED: HTTPStatus.SERVICE_UNAVAILABLE,
}


class _Upload(Operation):
    """Describes the body, which the framework cannot see."""

    def __post_init__(self) -> None:
        schema = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, max_length=MAX_UPDATE_BYTES)
        self.request_body = RequestBody(
            content={BYTES: OpenAPIMediaType(schema=schema)},
            description="An update in the wire form of SPEC, section Rounds.",
            required=True,
        )


@post(
    f"{PREFIX}{{round_id:str}}{SUFFIX}",
    status_code=202,
    request_max_body_size=MAX_UPDATE_BYTES,
    operation_class=_Upload,
    tags=["devices"],
    responses={
        200: ResponseSpec(None, description="It was counted before; it counts once."),
        **problems(
            bad_request="The request is malformed.",
            not_found="There is no round of this id.",
            conflict="The round is closed.",
            gone="The update is of an adapter that is too old.",
            request_entity_too_large=_TOO_LARGE,
            unprocessable_entity="Not an update for the plan of this round.",
            too_many_requests="Too many updates at once.",
            service_unavailable="The database does not answer.",
        ),
    },
)
async def upload(request: AnyRequest, round_id: FromPath[str], intake: NamedDependency[Intake]) -> Response[bytes]:
    """Count an update of a device, once for each token. Only the sum over all devices is stored.

    The answer comes after the sum is durable: 202, or 200 if it was counted before.
    """
    answer = await intake.accept(round_id, await request.body())
    return _response(answer)


class UpdatesFirst:
    """An application in front of another, which takes updates: the framework's work would cost more than the sum.

    Its answers are those of :func:`upload`.

    Args:
        app: the other one.
        intake: counts the updates.
        observe: called for each message that is sent here.
    """

    def __init__(self, app: ASGIApp, intake: Intake, observe: Observe) -> None:
        self._app, self._intake, self._observe = app, intake, observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take an update, or pass the request on."""
        round_id = _round_of(scope)
        if round_id is None:
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        if body is None:
            return
        if len(body) > MAX_UPDATE_BYTES:
            response: Response[Any] = problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE)
        else:
            response = _response(await self._intake.accept(round_id, body))
        for message in _messages(response):
            await self._observe(message, scope)  # type: ignore[arg-type]
            await send(message)  # type: ignore[arg-type]


def _round_of(scope: Scope) -> str | None:
    """Return the round of a request with an update; None for every other request."""
    if scope["type"] != ScopeType.HTTP or scope["method"] != "POST":
        return None
    path = scope["path"]
    if not (path.startswith(PREFIX) and path.endswith(SUFFIX)):
        return None
    round_id = path[len(PREFIX) : -len(SUFFIX)]
    is_plain = round_id.isascii() and round_id.isalnum()
    comes_from_a_page = any(name == b"origin" for name, _ in scope["headers"])  # the framework adds headers for those
    return round_id if is_plain and not comes_from_a_page else None


async def _body(receive: Receive) -> bytes | None:
    """Return the body, cut after what is too large; None if the client has gone."""
    pieces, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        if size <= MAX_UPDATE_BYTES:
            pieces.append(message["body"])
            size += len(message["body"])
        if not message["more_body"]:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _response(answer: Answer) -> Response[Any]:
    status = int(_STATUSES[answer.verdict])
    if status < HTTPStatus.BAD_REQUEST:
        return Response(b"", status_code=status, headers=NO_STORE, media_type=MediaType.TEXT)
    headers = {"Retry-After": str(answer.retry_after_s)} if answer.retry_after_s else None
    return problem(status, answer.why, headers)


def _messages(response: Response[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the two messages of a response."""
    body = response.content or b""
    fields = {name.lower(): value for name, value in response.headers.items()}
    if body:
        fields["content-type"] = PROBLEM_JSON
    encoded = [(name.encode(), value.encode()) for name, value in fields.items()]
    start = {
        "type": "http.response.start",
        "status": int(response.status_code or HTTPStatus.OK),
        "headers": [*encoded, (b"content-length", str(len(body)).encode())],
    }
    return start, {"type": "http.response.body", "body": body, "more_body": False}
