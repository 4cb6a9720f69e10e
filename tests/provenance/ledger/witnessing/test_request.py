"""The body of `add-checkpoint`: strict, and the same bytes both ways."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import LimitError, MalformedError, WeightmarkError
from weightmark.provenance.ledger.witnessing.request import (
    AddCheckpoint,
    checkpoint_path,
    format_size,
    parse_add_checkpoint,
    parse_size,
)

HASH = "A" * 43 + "="


@pytest.mark.needs("vectors")
def test_the_published_request(vectors: Path) -> None:
    known = json.loads((vectors / "tlog" / "vectors.json").read_text())
    body = known["add_checkpoint_body_6_to_8"].encode()
    request = parse_add_checkpoint(body)
    assert (request.old_size, len(request.proof)) == (6, 3)
    assert request.checkpoint == known["checkpoint_8"].encode()
    assert request.to_bytes() == body
    assert checkpoint_path("example.com/oracle-log") == known["witness_monitoring_path"]


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.binary(max_size=200),
)
def test_a_request_round_trips(old: int, proof: list[bytes], checkpoint: bytes) -> None:
    request = AddCheckpoint(old, tuple(proof), checkpoint)
    assert parse_add_checkpoint(request.to_bytes()) == request


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n\n",
        "old\n\nx",
        "old \n\nx",
        "old 1",
        "old 1\n",
        "old 01\n\nx",
        "old +1\n\nx",
        "old -1\n\nx",
        "old  1\n\nx",
        "old 1 \n\nx",
        "old 1\r\n\nx",
        "old \u0661\n\nx",
        "old 9223372036854775808\n\nx",
        f"new 1\n{HASH}\n\nx",
        f"old 1\n{HASH} \n\nx",
        f"old 1\n{HASH[:-1]}\n\nx",
        f"old 1\n{HASH[:-2]}B=\n\nx",
        "old 1\nAAAA\n\nx",
        f"old 1\n{'A' * 86}==\n\nx",
        f"old 1\n\u00e9{HASH}\n\nx",
        "old 1\n" + f"{HASH}\n" * 64 + "\nx",
    ],
)
def test_a_malformed_request_is_refused(body: str) -> None:
    with pytest.raises(MalformedError):
        parse_add_checkpoint(body.encode())


def test_an_oversized_request_is_not_judged() -> None:
    with pytest.raises(LimitError):
        parse_add_checkpoint(b"old 0\n\n" + b"x" * (256 * 1024))


@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_only_our_errors(data: bytes) -> None:
    with pytest.raises(WeightmarkError):
        parse_add_checkpoint(b"x" + data)


@given(st.binary(max_size=30))
def test_a_size_is_read_only_as_it_is_written(data: bytes) -> None:
    try:
        size = parse_size(data)
    except WeightmarkError:
        return
    assert format_size(size) == data
