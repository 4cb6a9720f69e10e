"""The pages over HTTP: routes for the service of a ledger. `GET` and `HEAD` only; nothing is written but the index."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from weightmark.attestations.pages.context import ContextMemory
from weightmark.attestations.pages.files import asset_files, media_type
from weightmark.attestations.pages.index.page_index import PageIndex
from weightmark.attestations.pages.links import Links
from weightmark.attestations.pages.rendering import POLICY
from weightmark.attestations.pages.source import PageOptions, Source, opened_source
from weightmark.attestations.pages.writing import PAGES, Page, PageKind, problem_page
from weightmark.errors import CallError, LimitError, WeightmarkError
from weightmark.provenance.ledger.merkle import HASH_SIZE, leaf_hash
from weightmark.provenance.ledger.service.wire import encode_error, status_of
from weightmark.provenance.serving.limits import RateLimit
from weightmark.values import dataclass

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from weightmark.provenance.ledger.log import Ledger
    from weightmark.provenance.ledger.service.service import LedgerService

__all__ = ["HEADERS", "page_routes"]

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
"""of every answer"""
_HTML = "text/html; charset=utf-8"
_JSON = "application/json"
_AT_ONCE, _STEP, _PAUSE = 100, 250, 0.05
"""entries that a page reads first, that are read in the background at once, and seconds between"""
_RETRY_SECONDS = 60.0
_NOT_FOUND, _BAD_REQUEST, _TOO_MANY, _OWN_TROUBLE = 404, 400, 429, 500
_HEADINGS = {
    _NOT_FOUND: "Not found",
    _BAD_REQUEST: "This cannot be answered",
    _TOO_MANY: "Too many requests",
}


@dataclass(frozen=True, slots=True)
class _Answered:
    """What came of making a page."""

    body: bytes
    """of the answer"""
    behind: int
    """entries that the index has still to read"""


def page_routes(
    service: "LedgerService", options: PageOptions | None = None
) -> "Sequence[BaseRoute]":
    """Return the routes of the pages, to be mounted beside those of a ledger's service."""
    from starlette.routing import Route

    front = _Front(service, options or PageOptions())
    routes: list[BaseRoute] = [
        Route("/assets/{name}", front.asset),
        Route("/leaves/{name}.json", front.leaf_twin),
        Route("/leaves/{name}", front.leaf),
    ]
    for kind in PAGES:
        if kind.has_twin:
            routes.append(Route(f"/{kind.route or 'index'}.json", front.answering(kind, twin=True)))
        routes.append(Route(f"/{kind.route}", front.answering(kind, twin=False)))
    return routes


class _Front:
    """Answers each route."""

    def __init__(self, service: "LedgerService", options: PageOptions) -> None:
        self._service = service
        self._options = options
        self._memory = ContextMemory()
        self._rate = RateLimit(service.limits.rate)
        self._reading: asyncio.Task[None] | None = None
        self._tried = 0.0

    def answering(self, kind: PageKind, *, twin: bool) -> "Callable[[Request], object]":
        """Return what answers one kind of page in one form."""

        async def answer(request: "Request") -> "Response":
            part = request.path_params.get("name", "")
            parameters = request.query_params.multi_items()
            query = request.url.query

            def make(source: Source) -> bytes:
                page = kind.page(source, part, parameters)
                return page.json() if twin else _html(page, kind, query)

            return await self._made(request, make, kind, twin=twin)

        return answer

    async def _made(
        self, request: "Request", make: Callable[[Source], bytes], kind: PageKind, *, twin: bool
    ) -> "Response":
        """Make a page in a reader's thread, and let the index go on in the background when it is behind."""
        wait = self._rate.take(request.client.host if request.client else "")
        if wait:
            error = LimitError(f"this address asked over {self._rate_limit:g} times a second")
            response = self._refused(error, kind.depth, _TOO_MANY, twin=twin)
            response.headers["Retry-After"] = str(max(1, round(wait)))
            return response
        try:
            answered = await self._service.readers.read(lambda ledger: self._make(ledger, make))
        except WeightmarkError as error:
            status = status_of(error)
            if isinstance(error, CallError) and "{" in kind.route:
                status = _NOT_FOUND
            return self._refused(error, kind.depth, status, twin=twin)
        if answered.behind:
            self._read_on()
        return _response(answered.body, _JSON if twin else _HTML)

    def _make(self, ledger: "Ledger", make: Callable[[Source], bytes]) -> _Answered:
        with opened_source(ledger, self._memory, self._options, most=_AT_ONCE) as source:
            return _Answered(make(source), source.behind)

    async def leaf(self, request: "Request") -> "Response":
        """Lead from a leaf hash to its entry."""
        return await self._leaf(request, "")

    async def leaf_twin(self, request: "Request") -> "Response":
        """Lead from a leaf hash to the JSON of its entry."""
        return await self._leaf(request, ".json")

    async def _leaf(self, request: "Request", form: str) -> "Response":
        from starlette.responses import Response

        text = request.path_params["name"]

        def find(source: Source) -> bytes:
            return str(_place_of(source, text)).encode()

        kind = next(one for one in PAGES if one.name == "entry")
        found = await self._made(request, find, kind, twin=bool(form))
        if found.status_code >= _BAD_REQUEST:
            return found
        target = f"../entries/{bytes(found.body).decode()}{form}"
        return Response(status_code=302, headers={**HEADERS, "Location": target})

    async def asset(self, request: "Request") -> "Response":
        """Give the style or a script, by its name and nothing else."""
        name = request.path_params["name"]
        data = asset_files().get(name)
        if data is None:
            return self._refused(CallError("there is no such file"), 1, _NOT_FOUND, twin=False)
        return _response(data, media_type(name))

    @property
    def _rate_limit(self) -> float:
        return self._service.limits.rate

    def _refused(
        self, error: WeightmarkError, depth: int, status: int, *, twin: bool
    ) -> "Response":
        exactly = status < _OWN_TROUBLE
        told = encode_error(error, exactly=exactly)
        if twin:
            return _response(told, _JSON, status)
        said = json.loads(told)
        shown = type(error)(said["what"], why=said["why"], fix=said["fix"])
        heading = _HEADINGS.get(status, "This could not be answered")
        page = problem_page(self._service.about.origin, shown, heading, depth)
        return _response(page, _HTML, status)

    def _read_on(self) -> None:
        """Read what the index lacks, in steps with pauses, so that whoever submits hardly notices."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_to_the_end())

    async def _read_to_the_end(self) -> None:
        # what goes wrong here goes wrong again for whoever asks for a page, and is answered there
        with suppress(WeightmarkError, RuntimeError):
            while await self._service.readers.read(self._read_some):
                await asyncio.sleep(_PAUSE)

    def _read_some(self, ledger: "Ledger") -> int:
        with PageIndex.of(ledger, self._options.index_folder) as index:
            size = index.advance(ledger, _STEP)
            behind = size - index.size
            if not behind and time.monotonic() > self._tried + _RETRY_SECONDS:
                self._tried = time.monotonic()
                index.read_again(ledger)
            return behind


def _html(page: Page, kind: PageKind, query: str) -> bytes:
    return page.html(Links(kind.depth), query)


def _place_of(source: Source, text: str) -> int:
    """Return the entry with a leaf hash, which is computed again; raises `CallError` when there is none."""
    try:
        leaf = bytes.fromhex(text) if text == text.lower() else b""
    except ValueError:
        leaf = b""
    if len(leaf) != HASH_SIZE or len(text) != 2 * HASH_SIZE:
        raise CallError("this is no leaf hash", fix="write 64 hex digits")
    for logged in source.snapshot.events(source.index.leaf_places(leaf)):
        if leaf_hash(logged.body) == leaf:
            return logged.index
    raise source.unknown("no entry has this leaf hash")


def _response(body: bytes, kind: str, status: int = 200) -> "Response":
    from starlette.responses import Response

    return Response(body, status, headers={**HEADERS, "Content-Type": kind})
