"""The HTTP front of a ledger's service (docs/formats/ledger.md)."""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from weightmark.errors import ExtraMissingError, LimitError, UncheckedError, WeightmarkError
from weightmark.provenance.ledger.service.decisions import Decision, Outcome
from weightmark.provenance.ledger.service.guarding import ANSWER_HEADERS, Guarded
from weightmark.provenance.ledger.service.metrics import CONTENT_TYPE
from weightmark.provenance.ledger.service.reading import (
    parse_tile_path,
    read_checkpoint,
    read_key,
    read_tile,
    search,
    size_of_claim,
)
from weightmark.provenance.ledger.service.service import LedgerService
from weightmark.provenance.ledger.service.streaming import CLAIM_PIECE, StreamedClaim
from weightmark.provenance.ledger.service.wire import (
    ABOUT_PATH,
    ADD_BATCH_PATH,
    ADD_PATH,
    SEARCH_PATH,
    encode_about,
    encode_error,
    encode_receipts,
    parse_batch,
    parse_search,
    parse_submission,
    status_of,
)
from weightmark.provenance.ledger.view.interface import CHECKPOINT, cache_control, content_type
from weightmark.provenance.serving.bodies import read_body
from weightmark.provenance.serving.limits import ByteBudget, OverBudgetError, RateLimit
from weightmark.provenance.serving.patience import Patience
from weightmark.provenance.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from weightmark.provenance.ledger.admission import Submission
    from weightmark.provenance.ledger.proof import Receipt

__all__ = ["service_app"]

_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"
_HEX = frozenset("0123456789abcdef")
_DIGEST_SIZE = 64
_Parse = Callable[[bytes], "tuple[Submission, ...]"]
_Answer = Callable[["Sequence[Receipt]"], "Response"]
_BUSY_SECONDS = 1


def service_app(service: LedgerService, routes: "Sequence[BaseRoute]" = ()) -> "Starlette":
    """Return the application of a service; `routes` are mounted beside its own.

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
    front = _Front(service)
    add = Route(f"/{ADD_PATH}", front.add, methods=["POST"])
    batch = Route(f"/{ADD_BATCH_PATH}", front.add_batch, methods=["POST"])
    own = [
        *([add, batch] if service.about.writable else []),
        Route(f"/{CHECKPOINT}", front.checkpoint),
        Route("/tile/{path:path}", front.tile),
        Route("/claims/{digest}", front.claim),
        Route(f"/{SEARCH_PATH}", front.search),
        Route(f"/{ABOUT_PATH}", front.about),
        Route("/log.vkey", front.verifier_key),
        Route("/health", front.health),
        Route("/metrics", front.metrics),
    ]
    patience = Middleware(Patience, service.limits.stall_seconds, service.metrics.answered)
    app = Starlette(
        routes=[*own, *routes],
        middleware=[Middleware(Guarded), patience],
        exception_handlers={WeightmarkError: _explain, Exception: _fail},
    )
    # its redirect would lead to whatever host the request names
    app.router.redirect_slashes = False
    return app


class _Front:
    """Answers each route."""

    def __init__(self, service: LedgerService) -> None:
        self._service = service
        self._limits = service.limits
        self._rate = RateLimit(service.limits.rate)
        self._budget = ByteBudget(service.limits.bodies)
        self._answers = ByteBudget(service.limits.answers)

    async def add(self, request: "Request") -> "Response":
        """Take a submission, and answer with its receipt once its entry is durable."""
        return await self._take(request, self._one, _receipt)

    async def add_batch(self, request: "Request") -> "Response":
        """Take submissions that are entered all or none, and answer with the receipt of each."""
        return await self._take(request, self._batch, _receipts)

    def _one(self, body: bytes) -> "tuple[Submission, ...]":
        return (parse_submission(body, self._limits.body),)

    def _batch(self, body: bytes) -> "tuple[Submission, ...]":
        return parse_batch(body, self._limits.body)

    async def _take(self, request: "Request", parse: _Parse, answer: _Answer) -> "Response":
        start, address = time.perf_counter(), _address(request)
        wait = self._rate.take(address)
        if wait:
            error = LimitError(f"this address sent over {self._limits.rate:g} submissions a second")
            return self._limited(error, 429, address, start, wait)
        try:
            with self._budget.reserve() as take:
                async with asyncio.timeout(self._limits.body_seconds):
                    body = await read_body(
                        request, self._limits.body, what="the submission", take=take
                    )
                return await self._enter(body, address, start, parse, answer)
        except TimeoutError:
            return self._limited(UncheckedError("the body came too slowly"), 408, address, start)
        except LimitError as error:
            return self._limited(error, 413, address, start)
        except OverBudgetError:
            busy = UncheckedError("the service is busy", fix="try again later")
            return self._limited(busy, 503, address, start, _BUSY_SECONDS)

    async def _enter(
        self, body: bytes, address: str, start: float, parse: _Parse, answer: _Answer
    ) -> "Response":
        try:
            submissions = parse(body)
            if wait := self._rate.take(address, len(submissions) - 1):
                error = LimitError("this address sent too many submissions")
                return self._limited(error, 429, address, start, wait)
            entered = await asyncio.wrap_future(self._service.submit(*submissions))
        except WeightmarkError as error:
            self._service.decided(Decision.of_error(error, address, time.perf_counter() - start))
            return _refusal(error, status_of(error))
        except Exception as error:  # noqa: BLE001 - our bug must not end the connection without an answer
            unknown = UncheckedError(f"{type(error).__name__}: {error}")
            self._service.decided(Decision.of_error(unknown, address, time.perf_counter() - start))
            return _refusal(unknown, 500)
        took = time.perf_counter() - start
        for one in entered:
            self._service.decided(Decision.of_answer(one, address, took))
        return answer([one.receipt for one in entered])

    def _limited(
        self, error: WeightmarkError, status: int, address: str, start: float, wait: float = 0.0
    ) -> "Response":
        """Answer without having read the request, so the connection ends."""
        took = time.perf_counter() - start
        self._service.decided(Decision(Outcome.LIMITED, address, took, error=error))
        response = _refusal(error, status, exactly=True)
        response.headers["Connection"] = "close"
        if wait:
            response.headers["Retry-After"] = str(max(1, round(wait)))
        return response

    async def checkpoint(self, request: "Request") -> "Response":  # noqa: ARG002 - a route's signature
        """Give the newest checkpoint."""
        note = await self._service.readers.read(read_checkpoint)
        return _file(note, CHECKPOINT)

    async def tile(self, request: "Request") -> "Response":
        """Give a tile or an entry bundle."""
        path = request.path_params["path"]
        parsed = parse_tile_path(path)
        data = (
            await self._service.readers.read(
                lambda ledger: read_tile(ledger, parsed[0], bundle=parsed[1])
            )
            if parsed
            else None
        )
        return _file(data, f"tile/{path}")

    async def claim(self, request: "Request") -> "Response | StreamedClaim":
        """Give a claim or a signed request by its SHA-256; what many read slowly at once has a bound."""
        digest = request.path_params["digest"]
        if len(digest) != _DIGEST_SIZE or not _HEX.issuperset(digest):
            return _file(None, "")
        size = await self._service.readers.read(lambda ledger: size_of_claim(ledger, digest))
        if size is None:
            return _file(None, "")
        headers = {"Content-Type": content_type(f"claims/{digest}"), "Cache-Control": "no-cache"}
        with ExitStack() as stack:
            try:
                stack.enter_context(self._answers.reserve())(min(size, CLAIM_PIECE))
            except OverBudgetError:
                return _busy()
            return StreamedClaim(self._service.readers, digest, size, headers, held=stack.pop_all())

    async def search(self, request: "Request") -> "Response":
        """Answer a search."""
        from starlette.responses import Response

        wait = self._rate.take(_address(request))
        if wait:
            error = LimitError(f"this address asked over {self._limits.rate:g} times a second")
            response = _refusal(error, 429, exactly=True)
            response.headers["Retry-After"] = str(max(1, round(wait)))
            return response
        asked = parse_search(list(request.query_params.multi_items()))
        answer = await self._service.readers.read(lambda ledger: search(ledger, asked))
        return Response(answer, media_type=_JSON, headers={"Cache-Control": "no-cache"})

    async def about(self, request: "Request") -> "Response":  # noqa: ARG002 - a route's signature
        """Say what this is."""
        from starlette.responses import Response

        vkey = await self._service.readers.read(read_key)
        return Response(encode_about(replace(self._service.about, vkey=vkey)), media_type=_JSON)

    async def verifier_key(self, request: "Request") -> "Response":  # noqa: ARG002 - a route's signature
        """Give the log's verifier key, to compare with what its operator announces."""
        from starlette.responses import Response

        vkey = await self._service.readers.read(read_key)
        return Response(f"{vkey}\n", media_type=_TEXT)

    async def health(self, request: "Request") -> "Response":  # noqa: ARG002 - a route's signature
        """Say whether the store answers and the last commit went well."""
        from starlette.responses import Response

        try:
            size = await self._service.readers.read(_size)
        except WeightmarkError:
            size = None
        well = size is not None and not self._service.problem
        fields = {"status": "ok" if well else "failing", "size": size}
        return Response(canonical_json(fields), 200 if well else 503, media_type=_JSON)

    async def metrics(self, request: "Request") -> "Response":  # noqa: ARG002 - a route's signature
        """Give the counters in Prometheus' form."""
        from starlette.responses import Response

        text = self._service.metrics.text()
        return Response(text, headers={"Content-Type": CONTENT_TYPE})


def _busy() -> "Response":
    error = UncheckedError("the service is busy", fix="try again later")
    response = _refusal(error, 503, exactly=True)
    response.headers["Retry-After"] = str(_BUSY_SECONDS)
    return response


def _receipt(receipts: "Sequence[Receipt]") -> "Response":
    from starlette.responses import Response

    return Response(receipts[0].text, media_type=_TEXT)


def _receipts(receipts: "Sequence[Receipt]") -> "Response":
    from starlette.responses import Response

    return Response(encode_receipts(one.text for one in receipts), media_type=_JSON)


def _size(ledger: Any) -> int:
    with ledger.home.store.read() as store:
        return int(store.head().size)


def _address(request: "Request") -> str:
    return request.client.host if request.client else ""


def _file(data: bytes | None, path: str) -> "Response":
    from starlette.responses import Response

    if data is None:
        return Response("not found\n", 404, media_type=_TEXT)
    headers = {"Content-Type": content_type(path), "Cache-Control": cache_control(path)}
    return Response(data, headers=headers)


async def _explain(_request: "Request", error: Exception) -> "Response":
    """Answer with what is wrong."""
    if not isinstance(error, WeightmarkError):
        raise error
    return _refusal(error, status_of(error))


async def _fail(_request: "Request", error: Exception) -> "Response":
    """Answer that something is wrong that nobody thought of; no middleware sees this answer."""
    response = _refusal(UncheckedError(type(error).__name__), 500)
    response.headers.update(ANSWER_HEADERS)
    return response


def _refusal(error: WeightmarkError, status: int, *, exactly: bool = False) -> "Response":
    from starlette.responses import Response

    return Response(encode_error(error, exactly=exactly), status, media_type=_JSON)
