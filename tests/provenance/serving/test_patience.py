"""Answers go out in pieces, and whoever does not read them is hung up on."""

import asyncio
from typing import Any

from weightmark.provenance.serving.patience import PIECE, Patience

Message = Any


async def no_request() -> Message:
    return {"type": "http.request", "body": b""}


def answering(*parts: bytes) -> Any:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for at, part in enumerate(parts, 1):
            more = at < len(parts)
            await send({"type": "http.response.body", "body": part, "more_body": more})

    return app


def test_a_large_answer_arrives_whole_and_in_pieces() -> None:
    sent: list[Message] = []
    statuses: list[int] = []
    body = bytes(range(256)) * 1000

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Patience(answering(body, b"end"), 1, statuses.append)({}, no_request, send))
    parts = [one["body"] for one in sent[1:]]
    assert b"".join(parts) == body + b"end"
    assert max(map(len, parts)) == PIECE
    assert [one["more_body"] for one in sent[1:]] == [True] * (len(parts) - 1) + [False]
    assert statuses == [200]


def test_a_client_who_does_not_read_is_hung_up_on() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)
        if len(sent) > 3:
            await asyncio.Event().wait()

    body = bytes(100 * PIECE)
    asyncio.run(
        asyncio.wait_for(Patience(answering(body), 0.05, lambda _: None)({}, no_request, send), 20)
    )
    assert len(sent) == 4
    assert sent[-1]["more_body"]


def test_a_client_who_reads_just_fast_enough_is_hung_up_on_as_well() -> None:
    """Piece by piece it would keep the answer in memory for hours."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)
        await asyncio.sleep(0.05)

    patient = Patience(answering(bytes(1000 * PIECE)), 1, lambda _: None, pace=0.001)
    asyncio.run(asyncio.wait_for(patient({}, no_request, send), 60))
    assert len(sent) < 1000
    assert sent[-1]["more_body"]
