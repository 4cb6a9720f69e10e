"""Manifests and indexes: what two clients could read in two ways is refused."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sim.registry import INDEX, MANIFEST, RegistrySim, blob, sha256
from weightmark.errors import (
    LimitError,
    MalformedError,
    RefusedError,
    UncheckedError,
    UnsupportedError,
)
from weightmark.provenance.sources.oci.documents import Index, Manifest, parse_document

LAYER = blob(b"x", "application/octet-stream", org_opencontainers_image_title="x")


def document(**changes: Any) -> bytes:
    fields = {**RegistrySim.manifest([LAYER]), **changes}
    return json.dumps({name: one for name, one in fields.items() if one is not None}).encode()


def read(data: bytes, kind: str = MANIFEST) -> Manifest | Index:
    return parse_document(data, kind, "`m`")


def test_a_manifest_is_read_with_its_digest() -> None:
    found = read(document())
    assert isinstance(found, Manifest)
    assert found.digest == sha256(document())
    assert [one.digest for one in found.layers] == [sha256(b"x")]


def test_an_index_is_read() -> None:
    entry = {"mediaType": MANIFEST, "digest": sha256(b"m"), "size": 1, "artifactType": "a/b"}
    data = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    found = read(data, INDEX)
    assert isinstance(found, Index)
    assert found.manifests[0].artifact_type == "a/b"


@pytest.mark.parametrize(
    ("title", "data", "kind"),
    [
        ("manifest and index at once", document(manifests=[]), MANIFEST),
        ("manifest that came as index", document(mediaType=None), INDEX),
        ("media type that the transport contradicts", document(), INDEX),
        ("neither", document(layers=None), MANIFEST),
        (
            "foreign layer by URL",
            document(layers=[{**LAYER, "urls": ["http://169.254.169.254/"]}]),
            MANIFEST,
        ),
        (
            "foreign layer by type",
            document(
                layers=[
                    {
                        **LAYER,
                        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                    }
                ]
            ),
            MANIFEST,
        ),
        (
            "nondistributable layer",
            document(
                layers=[
                    {
                        **LAYER,
                        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar",
                    }
                ]
            ),
            MANIFEST,
        ),
        ("foreign config", document(config={**LAYER, "urls": ["http://x/"]}), MANIFEST),
        ("one digest, two sizes", document(layers=[LAYER, {**LAYER, "size": 2}]), MANIFEST),
        ("negative size", document(layers=[{**LAYER, "size": -1}]), MANIFEST),
        ("size as text", document(layers=[{**LAYER, "size": "1"}]), MANIFEST),
        ("size as bool", document(layers=[{**LAYER, "size": True}]), MANIFEST),
        ("size beyond 64 bits", document(layers=[{**LAYER, "size": 2**63}]), MANIFEST),
        (
            "upper-case digest",
            document(layers=[{**LAYER, "digest": LAYER["digest"].upper()}]),
            MANIFEST,
        ),
        ("short digest", document(layers=[{**LAYER, "digest": "sha256:ab"}]), MANIFEST),
        ("digest with a path", document(layers=[{**LAYER, "digest": "sha256:../../x"}]), MANIFEST),
        ("no schema version", document(schemaVersion=None), MANIFEST),
        ("schema version as text", document(schemaVersion="2"), MANIFEST),
        (
            "annotation that is no text",
            document(layers=[{**LAYER, "annotations": {"a": 1}}]),
            MANIFEST,
        ),
        ("layers that are no list", document(layers={}), MANIFEST),
        ("doubled key", document()[:-1] + b',"schemaVersion":2}', MANIFEST),
        ("no JSON", b"<html>", MANIFEST),
        ("subject that is none", document(subject="x"), MANIFEST),
    ],
)
def test_a_document_that_could_be_read_in_two_ways_is_refused(
    title: str, data: bytes, kind: str
) -> None:
    with pytest.raises(MalformedError):
        read(data, kind)


@pytest.mark.parametrize(
    "data",
    [
        json.dumps({"schemaVersion": 1, "fsLayers": []}).encode(),
        document(layers=[{**LAYER, "digest": "sha512:" + "ab" * 64}]),
    ],
)
def test_sound_but_unknown_is_unsupported_and_never_malformed(data: bytes) -> None:
    with pytest.raises(UnsupportedError):
        read(data)


def test_an_unknown_media_type_is_unsupported() -> None:
    with pytest.raises(UnsupportedError):
        read(document(mediaType="application/json"), "application/json")


def test_bounds_are_hit_and_said() -> None:
    with pytest.raises(LimitError):
        read(document(annotations={"a": "x" * (4 * 1024 * 1024)}))
    with pytest.raises(LimitError):
        read(b'{"schemaVersion":2,"x":' + b"[" * 40 + b"]" * 40 + b"}")


@given(st.binary(max_size=300), st.sampled_from([MANIFEST, INDEX, ""]))
def test_any_bytes_are_read_or_refused(data: bytes, kind: str) -> None:
    with suppress(RefusedError, UncheckedError):
        read(data, kind)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "mediaType",
                        "digest",
                        "size",
                        "layers",
                        "manifests",
                        "config",
                        "schemaVersion",
                        "annotations",
                        "subject",
                        "urls",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_read_or_refused(value: object) -> None:
    fields = {"schemaVersion": 2, **(value if isinstance(value, dict) else {"layers": value})}
    with suppress(RefusedError, UncheckedError):
        read(json.dumps(fields).encode(), "")
