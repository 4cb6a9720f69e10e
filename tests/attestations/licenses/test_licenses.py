"""Licences: what SPDX lists is written as SPDX writes it, and nothing else is called an expression."""

import json
import os
from pathlib import Path

import cyclonedx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.attestations.licenses import license as room
from weightmark.attestations.licenses.license import License, LicenseForm

_LISTED = json.loads(Path(room.__file__).with_name("license_ids.json").read_bytes())
_SCHEMA = Path(os.fspath(Path(cyclonedx.__file__).parent)) / "schema/_res/spdx.SNAPSHOT.schema.json"


def test_every_identifier_that_is_written_is_one_that_validators_know() -> None:
    known = set(json.loads(_SCHEMA.read_bytes())["enum"])
    assert set(_LISTED["licenses"]) <= known
    assert len(_LISTED["licenses"]) > 600
    assert not set(_LISTED["licenses"]) & set(_LISTED["exceptions"])


@pytest.mark.parametrize("name", ["MIT", "Apache-2.0", "CC-BY-4.0", "GPL-2.0+"])
def test_an_identifier_is_found_in_any_case(name: str) -> None:
    for said in (name, name.lower(), f" {name.upper()} "):
        assert License.read(said) == License(LicenseForm.IDENTIFIER, name)


@pytest.mark.parametrize(
    "said",
    ["", "NOASSERTION", "proprietary", "MIT OR", "OR MIT", "MIT MIT", "(MIT", "MIT OR made-up-1.0",
     "Classpath-exception-2.0", "MIT WITH MIT", "\u202eTIM", "MIT\x00", "(" * 30 + "MIT" + ")" * 30],
)  # fmt: skip
def test_anything_else_is_a_mere_name(said: str) -> None:
    assert License.read(said).form is LicenseForm.NAMED


def test_an_exception_is_no_licence_and_a_licence_no_exception() -> None:
    read = License.read("gpl-2.0-only with classpath-exception-2.0")
    assert read.text == "GPL-2.0-only WITH Classpath-exception-2.0"


@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from(["MIT", "zlib", "AND", "OR", "(", ")", "x"])).map(" ".join)
)
def test_reading_never_fails_and_reads_its_own_words_the_same(said: str) -> None:
    read = License.read(said)
    assert License.read(read.text).form is read.form
    assert read.form is LicenseForm.NAMED or License.read(read.text).text == read.text
