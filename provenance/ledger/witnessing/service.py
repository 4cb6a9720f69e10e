"""A witness on the network: `add-checkpoint` and the checkpoints it saw (C2SP tlog-witness v1.0)."""

from typing import TYPE_CHECKING

from weightmark.errors import (
    ExtraMissingError,
    LedgerInconsistentError,
    LimitError,
    MalformedError,
    TamperedError,
    UnknownAuthorityError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.ledger.service.guarding import Guarded
from weightmark.provenance.ledger.witnessing.request import (
    MAX_REQUEST_SIZE,
    SIZE_TYPE,
    format_size,
)
from weightmark.provenance.ledger.witnessing.witness import Conflict, Cosigned, Witness

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request

__all__ = ["BODY_SECONDS", "witness_app"]

BODY_SECONDS = 10.0
"""within which the body of a request must be there"""
_TEXT = "text/plain; charset=utf-8"
_STATUS: tuple[tuple[type[WeightmarkError], int], ...] = (
    (MalformedError, 400),
    (LimitError, 413),
    (UnknownAuthorityError, 404),
    (WrongSignerError, 403),
    (TamperedError, 403),
    (LedgerInconsistentError, 422),
)
_UNAVAILABLE = 503


def witness_app(witness: Witness) -> "Starlette":
    """Return the application of a witness; one prefix takes checkpoints and shows them.

    Raises `ExtraMissingError` when the extra `server` is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.concurrency import run_in_threadpool
        from starlette.middleware import Middleware
        from starlette.responses import Response
        from starlette.routing import Route
    except ImportError as error:
        raise ExtraMissingError(
            "serving needs Starlette and uvicorn", fix="run `pip install weightmark[server]`"
        ) from error

    async def add_checkpoint(request: "Request") -> Response:
        try:
            body = await _read_body(request)
        except TimeoutError:
            return Response("the body did not come in time\n", 408, media_type=_TEXT)
        except LimitError as error:
            return Response(f"{error.what}\n", 413, {"Connection": "close"}, _TEXT)
        status, answer, kind = await run_in_threadpool(_answer, witness, body)
        return Response(answer, status, headers={"Content-Type": kind})

    async def show_checkpoint(request: "Request") -> Response:
        path = f"{request.path_params['log']}/checkpoint"
        note = await run_in_threadpool(witness.latest, path)
        if note is None:
            return Response("nothing was cosigned of this log\n", 404, media_type=_TEXT)
        return Response(note, headers={"Content-Type": _TEXT, "Cache-Control": "no-cache"})

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/{log}/checkpoint", show_checkpoint, methods=["GET"]),
        ],
        middleware=[Middleware(Guarded)],
    )


async def _read_body(request: "Request") -> bytes:
    import asyncio

    parts: list[bytes] = []
    size = 0
    async with asyncio.timeout(BODY_SECONDS):
        async for part in request.stream():
            size += len(part)
            if size > MAX_REQUEST_SIZE:
                raise LimitError(f"the request is over {MAX_REQUEST_SIZE} bytes")
            parts.append(part)
    return b"".join(parts)


def _answer(witness: Witness, body: bytes) -> tuple[int, bytes, str]:
    """Return status, body and media type; what went wrong is said in one line."""
    try:
        answer = witness.add_checkpoint(body)
    except WeightmarkError as error:
        status = next((code for kind, code in _STATUS if isinstance(error, kind)), _UNAVAILABLE)
        said = error.what if status != _UNAVAILABLE else "the witness cannot cosign at the moment"
        return status, f"{said}\n".encode(), _TEXT
    if isinstance(answer, Conflict):
        return 409, format_size(answer.size), SIZE_TYPE
    return 200, _lines(answer), _TEXT


def _lines(cosigned: Cosigned) -> bytes:
    return b"".join(line.to_bytes() for line in cosigned.lines)
