"""The digest of a manifest in a registry names an artifact only where it lists the very files of a signed claim."""

import json
from pathlib import Path

import pytest

from tests.sim.registry import RegistrySim
from weightmark.attestations.chain.aliases import Aliases
from weightmark.attestations.predicates.descriptor import Descriptor
from weightmark.attestations.predicates.manifest import ManifestClaim
from weightmark.provenance.identification import Identification, identify
from weightmark.provenance.reading.engine import Column, Reading, read_artifact
from weightmark.provenance.sources.oci.credentials import ANONYMOUS
from weightmark.provenance.sources.oci.pushing import push
from weightmark.provenance.sources.oci.reference import Reference
from weightmark.provenance.sources.oci.registry import WRITE, Repository

OCI = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture
def model(tmp_path: Path) -> Identification:
    folder = tmp_path / "model"
    (folder / "größe").mkdir(parents=True)
    (folder / "größe/weights.bin").write_bytes(b"w" * 3000)
    (folder / "config.json").write_bytes(b"{}")
    (folder / "README.md").write_bytes(b"")
    return identify(folder, sha256=True)


def pushed(model: Identification) -> str:
    """Push it, and return the digest that the registry gave, lowercase hex."""
    reading: Reading[None] = read_artifact(model.artifact, columns=[Column.BLAKE3, Column.SHA256])
    with RegistrySim() as sim:
        reference = Reference.parse(sim.uri("acme/model"))
        with Repository(reference, access=WRITE, credentials=ANONYMOUS) as repository:
            done = push(repository, reading, [])
        listed = json.loads(sim.manifests["acme/model", done.digest][0])["layers"]
    assert len(listed) == len(model.sha256)
    return done.digest.removeprefix("sha256:")


def knowing(*models: Identification) -> Aliases:
    aliases = Aliases()
    for one in models:
        aliases.add_manifest(ManifestClaim(one.manifest, one.sha256, links=False))
    return aliases


@pytest.mark.parametrize("media_type", ["", OCI])
def test_what_was_pushed_is_known_by_its_digest(model: Identification, media_type: str) -> None:
    named = Descriptor(digest={"sha256": pushed(model)}, media_type=media_type)
    assert knowing(model).identity_of(named) == model.identity


def test_what_a_folder_is_called_does_not_matter(model: Identification) -> None:
    digest = pushed(model)
    moved = model.artifact.path.rename(model.artifact.path.with_name("another"))
    again = identify(moved, sha256=True)
    assert pushed(again) == digest


def test_without_a_claim_that_lists_the_files_a_digest_names_nothing(
    model: Identification, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/config.json").write_bytes(b"{}")
    named = Descriptor(digest={"sha256": pushed(model)})
    for aliases in (knowing(), knowing(identify(tmp_path / "other", sha256=True))):
        assert aliases.identity_of(named) == ""


@pytest.mark.parametrize(
    "descriptor",
    [
        {"digest": {"sha512": "ab" * 64}},
        {"digest": {"sha256": "ab" * 32}},
        {"media_type": "application/vnd.oci.image.index.v1+json"},
        {"digest": {"gitCommit": "ab" * 20}},
    ],
)
def test_another_digest_or_another_kind_of_document_links_nothing(
    model: Identification, descriptor: dict[str, object]
) -> None:
    digest = {"sha256": pushed(model)}
    named = Descriptor(**{"digest": digest, **descriptor})  # type: ignore[arg-type] # fields from outside
    assert knowing(model).identity_of(named) == ""


def test_a_single_file_is_never_what_was_pushed(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    aliases = knowing(identify(tmp_path / "f", sha256=True))
    assert aliases.identity_of(Descriptor(digest={"sha256": "ab" * 32})) == ""
