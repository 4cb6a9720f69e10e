"""Fetching: resumed where it broke off, and never believed."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.provenance.sources.scripted import ScriptedSource
from tests.sim.hub import git_blob
from weightmark.errors import NetworkError, PromiseBrokenError, ReadError, UncheckedError
from weightmark.provenance.sources.fetching import Fetched, fetch
from weightmark.provenance.sources.interface import Part
from weightmark.provenance.sources.patience import ATTEMPTS

DATA = bytes(range(256)) * 8


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def promised(data: bytes) -> Part:
    return Part("f", len(data), {"sha256": hashlib.sha256(data).hexdigest()})


def get(source: ScriptedSource, part: Part, folder: int) -> Fetched:
    return fetch(source, part, "f", folder=folder, where="here", sleep=lambda _: None)


def test_what_arrives_is_named_by_the_bytes_that_lie_there(folder: int, tmp_path: Path) -> None:
    got = get(ScriptedSource(DATA), promised(DATA), folder)
    assert (tmp_path / "f").read_bytes() == DATA
    assert got.blake3 == blake3(DATA).hexdigest()
    assert got.sha256 == hashlib.sha256(DATA).hexdigest()


def test_a_git_name_is_a_promise_too(folder: int) -> None:
    part = Part("f", len(DATA), {"gitBlob": git_blob(DATA)})
    with pytest.raises(PromiseBrokenError, match="not what was promised"):
        get(ScriptedSource(DATA[::-1]), part, folder)
    assert get(ScriptedSource(DATA), part, folder).size == len(DATA)


def test_a_transfer_that_breaks_off_goes_on_where_it_was(folder: int, tmp_path: Path) -> None:
    source = ScriptedSource(DATA, breaks=(100, 700))
    get(source, promised(DATA), folder)
    assert source.asked == [0, 100, 700]
    assert (tmp_path / "f").read_bytes() == DATA


def test_a_server_may_say_how_long_to_wait(folder: int) -> None:
    waits: list[float] = []
    source = ScriptedSource(DATA, breaks=(0,))
    fetch(source, promised(DATA), "f", folder=folder, where="x", sleep=waits.append)
    assert waits == [3]


def test_a_source_that_never_gets_on_is_given_up_and_keeps_what_came(
    folder: int, tmp_path: Path
) -> None:
    source = ScriptedSource(DATA, breaks=(50,) * 20)
    with pytest.raises(NetworkError, match="broke off"):
        get(source, promised(DATA), folder)
    assert len(source.asked) == ATTEMPTS
    assert (tmp_path / "f").read_bytes() == DATA[:50]


def test_what_nothing_tells_from_another_version_is_fetched_whole_and_in_one_piece(
    folder: int, tmp_path: Path
) -> None:
    for left in (DATA[::-1][:333], DATA[::-1]):
        (tmp_path / "f").write_bytes(left)
        source = ScriptedSource(DATA, breaks=(100, 700))
        assert get(source, Part("f", len(DATA)), folder).resumed == 0
        assert source.asked == [0, 0, 0]
        assert (tmp_path / "f").read_bytes() == DATA
    source = ScriptedSource(DATA, breaks=(50,) * 20)
    with pytest.raises(NetworkError, match="broke off"):
        get(source, Part("f", len(DATA)), folder)
    assert len(source.asked) == ATTEMPTS


def test_a_version_that_the_address_pins_is_resumed(folder: int, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(DATA[:333])
    source = ScriptedSource(DATA)
    assert get(source, Part("f", len(DATA), versioned=True), folder).resumed == 333


def test_the_next_run_fetches_only_the_rest(folder: int, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(DATA[:333])
    source = ScriptedSource(DATA)
    assert get(source, promised(DATA), folder).resumed == 333
    assert source.asked == [333]


def test_a_whole_file_from_an_earlier_run_is_hashed_and_not_fetched(
    folder: int, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(DATA)
    source = ScriptedSource(DATA)
    assert get(source, promised(DATA), folder).resumed == len(DATA)
    assert source.asked == []


@pytest.mark.parametrize("left", [b"poison", DATA[::-1], DATA + b"more"])
def test_a_poisoned_beginning_is_fetched_anew(folder: int, tmp_path: Path, left: bytes) -> None:
    (tmp_path / "f").write_bytes(left)
    get(ScriptedSource(DATA), promised(DATA), folder)
    assert (tmp_path / "f").read_bytes() == DATA


@pytest.mark.parametrize("served", [DATA[:-1], DATA + b"x", DATA[:-1] + b"\0", b"", DATA * 9])
def test_other_bytes_than_promised_are_refused(folder: int, served: bytes) -> None:
    with pytest.raises(PromiseBrokenError):
        get(ScriptedSource(served), promised(DATA), folder)


def test_a_source_that_does_not_end_is_cut_off_at_its_promise(folder: int, tmp_path: Path) -> None:
    source = ScriptedSource(bytes(1 << 22), block=1 << 16)
    with pytest.raises(PromiseBrokenError, match="larger"):
        get(source, Part("f", 1 << 20), folder)
    assert (tmp_path / "f").stat().st_size <= (1 << 20) + (1 << 16)


def test_a_link_planted_under_the_name_is_not_followed(folder: int, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (tmp_path / "f").symlink_to(victim)
    with pytest.raises(ReadError):
        get(ScriptedSource(DATA), promised(DATA), folder)
    assert victim.read_bytes() == b"mine"


def test_a_hard_link_planted_under_the_name_is_not_written_through(
    folder: int, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (tmp_path / "f").hardlink_to(victim)
    with pytest.raises(UncheckedError):
        get(ScriptedSource(DATA), promised(DATA), folder)
    assert victim.read_bytes() == b"mine"


def test_a_fifo_planted_under_the_name_is_not_waited_for(folder: int, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f")
    with pytest.raises(UncheckedError):
        get(ScriptedSource(DATA), promised(DATA), folder)


@given(
    data=st.binary(max_size=300),
    breaks=st.lists(st.integers(0, 300), max_size=5),
    left=st.binary(max_size=20),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_breaks_and_whatever_lay_there_the_bytes_are_those_promised(
    folder: int, tmp_path: Path, data: bytes, breaks: list[int], left: bytes
) -> None:
    (tmp_path / "f").write_bytes(left)
    source = ScriptedSource(data, breaks=tuple(sorted(breaks)))
    got = get(source, promised(data), folder)
    assert (tmp_path / "f").read_bytes() == data
    assert got.blake3 == blake3(data).hexdigest()
