"""Packages of others: ModelPack, ModelKits of KitOps, files of ORAS; what is not whole is unsupported."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.sim.docker_registry import DockerRegistry
from tests.sim.registry import MANIFEST, RegistrySim, blob, sha256
from weightmark.errors import MalformedError, UnsupportedError
from weightmark.provenance.sources.oci.credentials import ANONYMOUS
from weightmark.provenance.sources.oci.messages import Body
from weightmark.provenance.sources.oci.reference import Reference
from weightmark.provenance.sources.oci.registry import WRITE, Repository
from weightmark.provenance.sources.oci.source import OciSource

KIT = "application/vnd.kitops.modelkit"
PACK = "application/vnd.cncf.model"
WEIGHTS, CODE = b"weights", b"print()"


def tar(name: str, data: bytes, mode: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload] # a mode from outside
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def contents(
    layers: list[tuple[bytes, str, dict[str, str]]], config: object = None, kind: str = "a/b"
) -> dict[str, bytes]:
    """Push layers, and return the tree that they stand for."""
    with RegistrySim() as sim:
        settings = json.dumps(config or {}).encode()
        described = [blob(data, media_type, **notes) for data, media_type, notes in layers]
        for data in (settings, *(data for data, _, _ in layers)):
            sim.add_blob(data)
        sim.add_manifest("acme/m", "v1", sim.manifest(described, settings, kind))
        return tree_of(sim.uri("acme/m"))


def tree_of(uri: str) -> dict[str, bytes]:
    """Return the files that an address stands for."""
    with OciSource(uri, credentials=ANONYMOUS) as source:
        found = {}
        for part in source.resolve().parts:
            data = b"".join(source.read(part))
            if not part.archive:
                found[part.path] = data
                continue
            for one in source.unpack(part, io.BytesIO(data)):
                found[one.path] = b"".join(one.blocks)
        return found


def kitfile(*layers: bytes, **more: Any) -> dict[str, Any]:
    digests = [sha256(one) for one in layers]
    return {
        "manifestVersion": "1.0.0",
        "model": {"path": "m", "digest": digests[0], "parts": []},
        "code": [{"path": "c", "digest": one} for one in digests[1:]],
        **more,
    }


@pytest.mark.parametrize(("ending", "mode"), [("tar", "w"), ("tar+gzip", "w:gz")])
def test_a_modelkit_is_unpacked(ending: str, mode: str) -> None:
    weights, code = tar("m/model.bin", WEIGHTS, mode), tar("c/run.py", CODE, mode)
    layers: list[tuple[bytes, str, dict[str, str]]] = [
        (weights, f"{KIT}.model.v1.{ending}", {}),
        (code, f"{KIT}.code.v1.{ending}", {}),
    ]
    found = contents(layers, kitfile(weights, code), f"{KIT}.config.v1+json")
    assert found == {"m/model.bin": WEIGHTS, "c/run.py": CODE}


@pytest.mark.needs("docker_registry")
@pytest.mark.parametrize("family", ["ModelPack", "KitOps"])
def test_packages_of_others_are_unpacked_from_debians_registry(family: str, tmp_path: Path) -> None:
    weights, code = tar("m/model.bin", WEIGHTS, "w:gz"), tar("c/run.py", CODE, "w")
    if family == "KitOps":
        kind, config = f"{KIT}.config.v1+json", json.dumps(kitfile(weights, code)).encode()
        types = (f"{KIT}.model.v1.tar+gzip", f"{KIT}.code.v1.tar")
    else:
        kind, config = f"{PACK}.config.v1+json", b"{}"
        types = (f"{PACK}.weight.v1.tar+gzip", f"{PACK}.code.v1.tar")
    layers = [blob(data, one) for data, one in zip((weights, code), types, strict=True)]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": blob(config, kind),
        "layers": layers,
    }
    with DockerRegistry(tmp_path) as real:
        uri = real.uri("acme/m")
        place = Repository(Reference.parse(uri), access=WRITE, credentials=ANONYMOUS)
        with place as repository:
            for data in (weights, code, config):
                repository.put_blob(sha256(data), Body.of(data))
            repository.put_document("v1", json.dumps(manifest).encode(), MANIFEST)
        assert tree_of(uri) == {"m/model.bin": WEIGHTS, "c/run.py": CODE}


@pytest.mark.parametrize(("ending", "mode"), [("tar", "w"), ("tar+gzip", "w:gz")])
def test_a_modelpack_of_archives_is_unpacked_beside_raw_files(ending: str, mode: str) -> None:
    found = contents(
        [
            (
                tar("sub/model.bin", WEIGHTS, mode),
                f"{PACK}.weight.v1.{ending}",
                {"org_cncf_model_filepath": "sub"},
            ),
            (b"{}", f"{PACK}.weight.config.v1.raw", {"org_cncf_model_filepath": "config.json"}),
        ],
        kind=f"{PACK}.config.v1+json",
    )
    assert found == {"sub/model.bin": WEIGHTS, "config.json": b"{}"}


def test_files_of_oras_have_their_titles_and_folders_are_unpacked() -> None:
    found = contents(
        [
            (b"{}", "application/json", {"org_opencontainers_image_title": "config.json"}),
            (
                tar("data/x.bin", WEIGHTS, "w:gz"),
                "application/vnd.oci.image.layer.v1.tar+gzip",
                {"org_opencontainers_image_title": "data", "io_deis_oras_content_unpack": "true"},
            ),
        ]
    )
    assert found == {"config.json": b"{}", "data/x.bin": WEIGHTS}


@pytest.mark.parametrize(
    ("kind", "notes"),
    [
        ("application/vnd.oci.image.layer.v1.tar+gzip", {}),
        ("application/vnd.oci.image.layer.v1.tar+gzip", {"io_deis_oras_content_unpack": "false"}),
        ("application/json", {"io_deis_oras_content_unpack": "true"}),
    ],
)
def test_a_layer_that_one_client_of_oras_unpacks_and_another_does_not_is_unsupported(
    kind: str, notes: dict[str, str]
) -> None:
    notes = {"org_opencontainers_image_title": "data", **notes}
    with pytest.raises(UnsupportedError):
        contents([(tar("data/x.bin", WEIGHTS, "w:gz"), kind, notes)])


def test_a_modelkit_that_refers_to_another_is_not_whole() -> None:
    code = tar("c/run.py", CODE, "w")
    settings = kitfile(b"elsewhere", code)
    settings["model"] = {"path": "ghcr.io/other/kit:v1"}
    with pytest.raises(UnsupportedError):
        contents([(code, f"{KIT}.code.v1.tar", {})], settings, f"{KIT}.config.v1+json")


def test_an_old_modelkit_whose_layers_have_no_digests_is_unsupported() -> None:
    weights = tar("model.bin", WEIGHTS, "w")
    settings = {"manifestVersion": "1.0.0", "model": {"path": "m/model.bin"}}
    with pytest.raises(UnsupportedError):
        contents([(weights, f"{KIT}.model.v1.tar", {})], settings, f"{KIT}.config.v1+json")


def test_a_layer_that_a_modelkit_does_not_describe_is_refused_since_kit_would_not_unpack_it() -> (
    None
):
    weights, hidden = tar("m/model.bin", WEIGHTS, "w"), tar("m/modeling.py", CODE, "w")
    layers: list[tuple[bytes, str, dict[str, str]]] = [
        (weights, f"{KIT}.model.v1.tar", {}),
        (hidden, f"{KIT}.code.v1.tar", {}),
    ]
    with pytest.raises(MalformedError):
        contents(layers, kitfile(weights), f"{KIT}.config.v1+json")


@pytest.mark.parametrize(
    "config", [[], {"model": 1}, {"code": [1]}, {"model": {"parts": 1}}, {"code": 1}]
)
def test_a_garbled_kitfile_is_refused(config: object) -> None:
    with pytest.raises((MalformedError, UnsupportedError)):
        contents([(b"x", f"{KIT}.model.v1.tar", {})], config, f"{KIT}.config.v1+json")


def test_two_layers_of_one_title_are_two_trees_for_two_clients() -> None:
    title = "org_opencontainers_image_title"
    layers: list[tuple[bytes, str, dict[str, str]]] = [
        (WEIGHTS, f"{PACK}.weight.v1.raw", {"org_cncf_model_filepath": "a/w", title: "w"}),
        (CODE, f"{PACK}.weight.v1.raw", {"org_cncf_model_filepath": "b/w", title: "w"}),
    ]
    with pytest.raises(MalformedError, match="two layers"):
        contents(layers)
