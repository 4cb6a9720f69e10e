"""TOML by a stranger: refused in words, and soon, wherever it is read."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.attestations.gate.cases import read_cases
from weightmark.attestations.locking.lock_file import LockFile
from weightmark.attestations.policy.reading.document import read_toml
from weightmark.attestations.trust.trust_file import parse_trust_file
from weightmark.errors import MalformedError, PolicyError, SettingsError
from weightmark.scanners.baseline import Baseline
from weightmark.settings import named_file
from weightmark.toml import MOST_PARTS, TomlError, parse_toml

HOSTILE = {
    "a long key": b"a." * 20_000 + b"a = 1",
    "a long quoted key": b'\'a\'."b\\"" . ' * 5_000 + b"a = 1",
    "a long table": b"[" + b"a." * 20_000 + b"a]",
    "deep lists": b"a = " + b"[" * 20_000,
    "deep tables": b"a = " + b"{a = " * 10_000,
    "a long number": b"a = " + b"9" * 10_000,
    "not UTF-8": b"a = '\xff'",
    "not TOML": b"a = = 1",
    "a key twice": b"a = 1\na = 2",
    "a wrong date": b"a = 2026-02-31",
}


def _lock(data: bytes) -> object:
    return LockFile.parse(data)


def _baseline(data: bytes) -> object:
    return Baseline.parse(data, name="baseline.toml")


def _trust(data: bytes) -> object:
    return parse_trust_file(data, source="trust.toml", read=lambda path: Path(path).read_bytes())


def _policy(data: bytes) -> object:
    return read_toml(data, "policy.toml")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(TomlError) as caught:
        parse_toml(HOSTILE[name])
    assert str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 200


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    ("read", "error"),
    [
        (_lock, MalformedError),
        (_baseline, SettingsError),
        (_trust, SettingsError),
        (_policy, PolicyError),
    ],
)
def test_every_reader_of_toml_refuses_it_as_an_error_of_its_own(
    read: Callable[[bytes], object], error: type[Exception], name: str
) -> None:
    with pytest.raises(error):
        read(HOSTILE[name])


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_case_and_hostile_settings_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "case.toml").write_bytes(HOSTILE[name])
    with pytest.raises(PolicyError):
        list(read_cases(tmp_path))
    with pytest.raises(SettingsError):
        named_file(tmp_path / "case.toml", [])


@given(st.text(max_size=80) | st.text("a.'\"[]{}=1 \n#-\\", max_size=80))
def test_what_is_read_is_what_the_library_reads(text: str) -> None:
    try:
        wanted = tomllib.loads(text)
    except ValueError:
        with pytest.raises(TomlError):
            parse_toml(text.encode("utf-8", "surrogatepass"))
    else:
        assert repr(parse_toml(text.encode())) == repr(wanted)


def test_a_key_of_the_longest_length_is_read() -> None:
    text = ".".join(["a"] * MOST_PARTS) + " = 1"
    assert parse_toml(text.encode())["a"]
    with pytest.raises(TomlError, match=f"more than {MOST_PARTS} parts"):
        parse_toml(b"a." + text.encode())
