"""The OMS predicate: what is written is read again, variants of other signers are read, the rest is refused."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.forge import Json, oms_statement, resources, sha256
from weightmark.attestations.bundles.dsse import IN_TOTO_PAYLOAD_TYPE
from weightmark.attestations.bundles.legacy_encoding import legacy_encoding
from weightmark.attestations.predicates.oms import (
    OMS_PREDICATE,
    Method,
    OmsClaim,
    Serialization,
)
from weightmark.attestations.predicates.oms.resources import shard_names
from weightmark.attestations.statements import Statement
from weightmark.errors import CallError, MalformedError, UnsupportedError, WeightmarkError
from weightmark.provenance.artifact import Entry
from weightmark.provenance.foreign_digests import sharded_digest
from weightmark.provenance.links import LinkKind
from weightmark.provenance.names import path_problem
from weightmark.provenance.reading.columns import DIGEST_SIZES, Column
from weightmark.provenance.reading.engine import FileDigests

NAMES = st.text(min_size=1, max_size=8).filter(lambda name: name != "." and not path_problem(name))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=8,
)
FORMS = st.builds(
    lambda method, column, size: Serialization.of(
        method, column, size if method == "shards" else 0
    ),
    st.sampled_from(["files", "shards"]),
    st.sampled_from([column.value for column in Column]),
    st.integers(1, 9),
)


def read(document: Json, **how: Any) -> OmsClaim:
    payload = json.dumps(document).encode()
    return OmsClaim.from_statement(Statement.parse(IN_TOTO_PAYLOAD_TYPE, payload), **how)


def digests(path: str, content: bytes, how: Serialization) -> FileDigests:
    """Return digests that differ by content and place; what they are made of does not matter here."""
    entry = Entry(path, len(content), 0, 0, LinkKind.NONE, "/", path)
    column = how.algorithm
    text = (sha256(content) * 2)[: 2 * DIGEST_SIZES[column]]
    count = len(list(shard_names(path, len(content), how.shard_size))) if how.sharding else 0
    return FileDigests(
        entry,
        len(content),
        blake3=text if column is Column.BLAKE3 else "",
        sha256=text if column is Column.SHA256 else "",
        blake2b=text if column is Column.BLAKE2B else "",
        shards=(text,) * count,
        sharding=how.sharding,
    )


@given(st.dictionaries(NAMES, st.binary(max_size=20), min_size=1, max_size=5), FORMS)
def test_what_is_written_is_read_again_and_fits_what_was_read(
    contents: dict[str, bytes], how: Serialization
) -> None:
    read_files = {path: digests(path, content, how) for path, content in contents.items()}
    claim = OmsClaim.of_digests(read_files, how)
    document = oms_statement(root=claim.root)
    document["predicate"] = claim.to_predicate()
    names = [one["name"] for one in document["predicate"]["resources"]]
    assert names == sorted(names), "code-point order"
    if not names:
        assert how.method is Method.SHARDS
        assert not any(contents.values())
        return
    again = read(document)
    assert again == claim
    assert again.files == claim.found(read_files)
    assert again.notices == ()


SHARDS = {"method": "shards", "shard_size": 4}


def sharded(*names: str, algorithm: str = "sha256", **how: Any) -> Json:
    listed = [{"name": n, "algorithm": algorithm, "digest": sha256(n.encode())} for n in names]
    return oms_statement(listed, **{**SHARDS, **how})


def test_shards_of_the_reference_are_read() -> None:
    names = ("a:b:0:4", "a:b:4:8", "a:b:8:9", "c:0:1")
    claim = read(sharded(*names, algorithm="sha256-sharded-4", shard_size=4.0))
    assert claim.serialization.shard_size == 4
    assert claim.files == {
        "a:b": sharded_digest(9, (sha256(name.encode()) for name in names[:3])),
        "c": sharded_digest(1, [sha256(b"c:0:1")]),
    }


@pytest.mark.parametrize(
    "names",
    [
        ("a:4:8",),
        ("a:0:4", "a:8:12"),
        ("a:0:3", "a:3:4"),
        ("a:0:4", "a:4:9"),
        ("a:0:4", "a:4:4"),
        ("a:0:4", "a:2:6"),
        ("a:0:0",),
        ("a:4:0",),
        ("a:00:4",),
        ("a:0:04",),
        ("a:0:+4",),
        ("a:0:\u0664",),
        ("a:-4:0",),
        ("a:0",),
        ("a",),
        (":0:4",),
        ("../a:0:4",),
        ("a/:0:4",),
        ("a:0:99999999999999999999",),
    ],
)
def test_shards_that_do_not_cover_a_file_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(MalformedError):
        read(sharded(*names))


def test_every_order_of_shards_is_read() -> None:
    in_text_order = ("a:0:4", "a:12:16", "a:4:8", "a:8:12")
    assert set(read(sharded(*in_text_order)).files) == {"a"}


@pytest.mark.parametrize("size", [None, 0, -4, 4.5, "4", True, 1e300, [4], 2**60])
def test_a_shard_size_that_is_none_is_refused(size: object) -> None:
    with pytest.raises(MalformedError):
        read(sharded("a:0:4", shard_size=size))


@pytest.mark.parametrize(
    "algorithm", ["sha256-sharded-5", "blake3", "sha256-sharded-4.0", "", None]
)
def test_another_algorithm_of_a_shard_is_refused(algorithm: Any) -> None:
    with pytest.raises(MalformedError):
        read(sharded("a:0:4", algorithm=algorithm))


@pytest.mark.parametrize(
    ("change", "notice"),
    [
        (lambda one: {**one, "predicateType": one["predicateType"][:-1] + "17"}, "v1.17"),
        (lambda one: _in(one, serialization={"follow": "all"}), "`follow`"),
        (lambda one: _in(one, extra=1), "`extra`"),
        (lambda one: _in(one, serialization={"shard_size": 5}), "shard size"),
    ],
)
def test_what_is_unusual_is_read_and_said(change: Callable[[Json], Json], notice: str) -> None:
    claim = read(change(oms_statement()))
    assert claim.files == read(oms_statement()).files
    assert any(notice in said for said in claim.notices)


def _in(statement: Json, serialization: Json | None = None, **fields: Any) -> Json:
    predicate = statement["predicate"]
    how = {**predicate["serialization"], **(serialization or {})}
    return {**statement, "predicate": {**predicate, **fields, "serialization": how}}


@pytest.mark.parametrize("version", ["v2.0", "v0.9", "v1.0.0", "v1", "v01.0", "v1.00000", "v1.0 "])
def test_other_versions_are_not_guessed_at(version: str) -> None:
    kind = f"https://model_signing/signature/{version}"
    with pytest.raises((UnsupportedError, MalformedError)):
        read(oms_statement(predicate_type=kind))


@pytest.mark.parametrize(
    "how",
    [("tree", "sha256", 0), ("files", "md5", 0), ("files", "sha256", 5), ("shards", "sha256", -1)],
)
def test_a_form_that_nobody_knows_is_not_signed(how: tuple[str, str, int]) -> None:
    with pytest.raises(CallError):
        Serialization.of(*how)


def test_shards_are_of_a_billion_bytes_unless_said() -> None:
    assert Serialization.of("shards").shard_size == 10**9


@given(VALUES)
def test_any_serialization_is_read_or_refused(value: Any) -> None:
    with contextlib.suppress(WeightmarkError):
        Serialization.parse(value)
    with contextlib.suppress(WeightmarkError):
        read({**oms_statement(), "predicate": {"resources": resources(), "serialization": value}})
    with contextlib.suppress(WeightmarkError):
        read({**oms_statement(), "predicate": {**oms_statement()["predicate"], "resources": value}})


def test_the_encoding_of_2024_is_the_text_of_a_python_literal() -> None:
    encoded = legacy_encoding("application/vnd.in-toto+json", b"{'a': \"\n\xff\"}")
    assert encoded == b"DSSEV1 28 application/vnd.in-toto+json 11 b'{\\'a\\': \"\\n\\xff\"}'"


@given(st.dictionaries(NAMES, st.binary(max_size=20), min_size=1, max_size=5), FORMS, NAMES)
def test_the_statement_is_the_json_of_its_content(
    contents: dict[str, bytes], how: Serialization, name: str
) -> None:
    claim = OmsClaim.of_digests({p: digests(p, c, how) for p, c in contents.items()}, how)
    plain = Statement.about_digest(name, claim.root, OMS_PREDICATE, claim.to_predicate())
    assert claim.to_statement(name) == plain


@pytest.mark.parametrize(
    "name", ['"', '"resources": [', "\\", "\n", "\x7f", "é", '"], "resources": ["']
)
def test_a_name_that_looks_like_json_stays_a_name(name: str) -> None:
    how = Serialization(ignore_paths=('"resources": [',))
    claim = OmsClaim.of_digests({name: digests(name, b"x", how)}, how)
    said = json.loads(claim.to_statement(name))
    assert said["subject"][0]["name"] == name
    assert [one["name"] for one in said["predicate"]["resources"]] == [name]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a/../b"},
        {"name": "file-7"},
        {"name": 5},
        {"digest": "AB" * 32},
        {"digest": "ab" * 31},
        {"digest": None},
        {"algorithm": "blake3"},
        {"algorithm": ["sha256"]},
    ],
)
@pytest.mark.parametrize("place", [0, 350, 699])
def test_one_bad_resource_hides_among_no_number_of_good_ones(change: Json, place: int) -> None:
    names = [f"file-{number}" for number in range(700) if number != place or "name" not in change]
    listed: list[Any] = [{"name": n, "algorithm": "sha256", "digest": "ab" * 32} for n in names]
    listed.insert(place, {"name": "x", "algorithm": "sha256", "digest": "ab" * 32, **change})
    with pytest.raises(MalformedError):
        read(oms_statement(listed))
