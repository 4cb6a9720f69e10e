"""The HTTP front of the gate (docs/formats/gate-serve.md); 200 is said of nothing but a yes."""

import asyncio
import hmac
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from weightmark.attestations.gate.serving.admission_review import AdmissionRequest, answer_review
from weightmark.attestations.gate.serving.decision_log import Answered
from weightmark.attestations.gate.serving.metrics import CONTENT_TYPE
from weightmark.attestations.gate.serving.questions import (
    MOST_BODY,
    Answer,
    Question,
    read_request,
)
from weightmark.attestations.gate.serving.service import GateService
from weightmark.errors import (
    ExtraMissingError,
    LimitError,
    UncheckedError,
    WeightmarkError,
)
from weightmark.provenance.serving.bodies import read_body
from weightmark.provenance.serving.limits import RateLimit
from weightmark.provenance.serving.patience import Patience
from weightmark.provenance.strict_json import canonical_json

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["ADMISSION_PATH", "DECIDE_PATH", "gate_app"]

DECIDE_PATH = "/v1/decide"
"""where an artifact is asked about"""
ADMISSION_PATH = "/v1/admission"
"""where a cluster asks about an object"""
_JSON = "application/json"
_STALL_SECONDS = 10.0
_MOST_SHOWN = 4096
_BAD, _UNKNOWN, _REFUSED, _SLOW, _LARGE, _OFTEN, _BUSY = 400, 401, 403, 408, 413, 429, 503


class _TurnedAwayError(Exception):
    """A request that was not read or judged."""

    def __init__(self, status: int, error: WeightmarkError) -> None:
        super().__init__(error.what)
        self.status = status
        self.error = error


def gate_app(service: GateService, *, token: str = "") -> "Starlette":
    """Return the application; with `token` only who shows it is answered.

    Raises `ExtraMissingError` when the extra `server` is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.middleware import Middleware
        from starlette.routing import Route
    except ImportError as error:
        raise ExtraMissingError(
            "serving needs Starlette and uvicorn", fix="run `pip install weightmark[server]`"
        ) from error
    front = _Front(service, token)
    app = Starlette(
        routes=[
            Route(DECIDE_PATH, front.decide, methods=["POST"]),
            Route(ADMISSION_PATH, front.admit, methods=["POST"]),
            Route("/health", front.health),
            Route("/metrics", front.metrics),
        ],
        middleware=[Middleware(Patience, _STALL_SECONDS, service.metrics.answered)],
    )
    # a redirect is no answer, and a client that takes it for one takes it for a yes
    app.router.redirect_slashes = False
    return app


class _Front:
    """Answers each route."""

    def __init__(self, service: GateService, token: str) -> None:
        self._service = service
        self._token = token.encode()
        self._rate = RateLimit(service.bounds.rate)

    async def decide(self, request: "Request") -> "Response":
        """Decide about one artifact."""
        start = time.perf_counter()
        asked: dict[str, str] = {}
        try:
            asked = read_request(await self._body(request))
            question = Question.of(asked, self._service.roots)
        except _TurnedAwayError as away:
            return self._turned_away(request, away.error, away.status, start)
        except WeightmarkError as error:
            given = next(iter(asked.values()), "")
            return self._turned_away(request, error, _BAD, start, given=given)
        answer = await self._service.answer(question)
        self._told(request, start, [answer])
        return _json(answer.to_bytes(), 200 if answer.allowed else _REFUSED)

    async def admit(self, request: "Request") -> "Response":
        """Decide about an object of a cluster."""
        start = time.perf_counter()
        try:
            review = AdmissionRequest.parse(await self._body(request))
        except _TurnedAwayError as away:
            return self._turned_away(request, away.error, away.status, start)
        except WeightmarkError as error:
            return self._turned_away(request, error, _BAD, start)
        keep = not review.dry_run
        answers = await asyncio.gather(
            *(self._service.answer(one, keep=keep) for one in review.questions)
        )
        self._told_review(request, start, review, answers)
        return _json(answer_review(review, answers), 200)

    async def health(self, request: "Request") -> "Response":  # noqa: ARG002 - a route's signature
        """Say by which policy is decided."""
        policy = self._service.policy
        busy = self._service.is_busy
        fields = {
            "status": "busy" if busy else "ok",
            "policy": {"name": policy.name, "uri": policy.uri, "sha256": policy.sha256},
        }
        return _json(canonical_json(fields), _BUSY if busy else 200)

    async def metrics(self, request: "Request") -> "Response":  # noqa: ARG002 - a route's signature
        """Give the counters in Prometheus' form."""
        from starlette.responses import Response

        return Response(self._service.metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    async def _body(self, request: "Request") -> bytes:
        """Return the body of a request that may be judged; raises `_TurnedAwayError`."""
        if self._token and not self._knows_token(request):
            error = UncheckedError("the request shows no token that is known here")
            raise _TurnedAwayError(_UNKNOWN, error)
        if self._rate.take(_address(request)):
            error = LimitError(
                f"this address asked over {self._service.bounds.rate:g} times a second"
            )
            raise _TurnedAwayError(_OFTEN, error)
        if self._service.is_busy:
            raise _TurnedAwayError(
                _BUSY, UncheckedError("the service is busy", fix="ask again later")
            )
        try:
            async with asyncio.timeout(self._service.bounds.body_seconds):
                return await read_body(request, MOST_BODY, what="the request")
        except LimitError as error:
            raise _TurnedAwayError(_LARGE, error) from None
        except TimeoutError:
            late = UncheckedError("the body came too slowly")
            raise _TurnedAwayError(_SLOW, late) from None

    def _knows_token(self, request: "Request") -> bool:
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            shown.strip().encode(), self._token
        )

    def _turned_away(
        self, request: "Request", error: WeightmarkError, status: int, start: float, given: str = ""
    ) -> "Response":
        took = time.perf_counter() - start
        self._service.told(Answered(_address(request), took, allowed=False, error=error))
        answer = Answer.of_error(given[:_MOST_SHOWN], error)
        response = _json(answer.to_bytes(), status)
        if status not in (_BAD, _UNKNOWN):
            response.headers["Connection"] = "close"
        if status in (_OFTEN, _BUSY):
            response.headers["Retry-After"] = "1"
        return response

    def _told(self, request: "Request", start: float, answers: Sequence[Answer]) -> None:
        took = time.perf_counter() - start
        self._service.told(Answered.of(_address(request), took, answers))

    def _told_review(
        self, request: "Request", start: float, review: AdmissionRequest, answers: Sequence[Answer]
    ) -> None:
        took = time.perf_counter() - start
        judged = bool(answers) and all(one.allowed for one in answers)
        allowed = review.exempt or (judged and not review.refusal)
        self._service.told(
            Answered(
                _address(request),
                took,
                allowed,
                tuple(answers),
                subject=review.name,
                refusal=review.refusal,
            )
        )


def _address(request: "Request") -> str:
    return request.client.host if request.client else ""


def _json(data: bytes, status: int) -> "Response":
    from starlette.responses import Response

    return Response(data, status, media_type=_JSON, headers={"Cache-Control": "no-store"})
