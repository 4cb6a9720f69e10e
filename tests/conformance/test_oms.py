"""The published vectors of the OMS format: conformance cases, golden signatures, schemas.

Whatever needs `--ignore-paths` to pass with the reference is refused here by name, because no
recorded ignore is followed silently.
"""

import base64
import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.attestations.forge import FILES, make_tree, said, sign, signed_tree
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.keys import PrivateKey, PublicKey
from weightmark.attestations.signers.local_key import LocalKeySigner
from weightmark.attestations.signing import SignOptions, sign_artifact
from weightmark.attestations.trust import Trust
from weightmark.attestations.verification import VerifyReport, examine
from weightmark.errors import CallError, Exit, UncheckedError, WeightmarkError
from weightmark.provenance.foreign_digests import oms_root

pytestmark = pytest.mark.needs("vectors")

NEEDS_IGNORE = {"key-simple", "key-simple-go", "key-simple-ignore-unsigned-files"}
POSITIVE = ("key-multi-file", "key-single-file", *sorted(NEEDS_IGNORE))
NEGATIVE = (
    "key-simple-corrupted-bundle_fail",
    "key-simple-extra-file_fail",
    "key-simple-missing-file_fail",
    "key-simple-no-signature_fail",
    "key-simple-tampered-content_fail",
    "key-simple-truncated-bundle_fail",
    "key-simple-wrong-key_fail",
    "key-simple-wrong-mediatype_fail",
    "malformed-empty-bundle_fail",
    "malformed-empty-resources_fail",
    "malformed-missing-envelope_fail",
    "malformed-no-predicate_fail",
    "malformed-no-subject_fail",
    "malformed-wrong-payload-type_fail",
    "malformed-wrong-predicate_fail",
    "malformed-wrong-statement-type_fail",
)
UNSUPPORTED = (
    "positive/certificate-simple",
    "positive/certificate-simple-go",
    "historical/historical-v1.1.0-certificate",
    "historical/historical-v1.1.0-sigstore",
)
GOLDEN_FILES = ("v0.3.1", "v1.0.0")
GOLDEN_TREES = ("v1.0.1", "v1.1.0")
ROUNDTRIPS = (
    "key-binary-content",
    "key-default-ignores",
    "key-dotfile-included",
    "key-empty-file",
    "key-files-in-hidden-dir",
    "key-multi-file",
    "key-p384",
    "key-p521",
    "key-sig-inside-model",
    "key-simple",
    "key-simple-deterministic",
    "key-single-file",
    "key-special-chars-path",
    "key-unicode-filename",
)


def modify(model: Path, changes: dict[str, Any]) -> None:
    for group in ("tamper", "inject"):
        for name, text in changes.get(group, {}).items():
            make_tree(model, {name: text.encode()})
    for name in changes.get("delete", []):
        (model / name).unlink()
    for name, target in changes.get("symlinks", {}).items():
        (model / name).symlink_to(target)


class Case:
    """One case of the conformance suite, copied so that it can be changed."""

    def __init__(self, vectors: Path, path: str, place: Path) -> None:
        suite = vectors / "oms-conformance"
        self.assets = suite / "assets"
        self.folder = suite / "test-cases" / path
        self.config: dict[str, Any] = json.loads((self.folder / "config.json").read_text())
        own = self.config.get("model_relative_to") == "test_dir"
        source = (self.folder if own else self.assets) / self.config["model"]
        self.model = place / "model"
        if source.is_dir():
            shutil.copytree(source, self.model)
        else:
            self.model.mkdir()
            self.model = Path(shutil.copyfile(source, self.model / source.name))
        for copied in (place, *place.rglob("*")):
            copied.chmod(0o755)
        modify(self.model, self.config.get("model_modifications", {}))

    def trust(self) -> Trust:
        name = self.config["verify"]["public_key"]
        return Trust.in_keys([PublicKey.load(self.assets / name)])

    def verify(self, trust: Trust | None = None) -> VerifyReport:
        bundle = self.folder / "bundle.sig"
        return examine(self.model, trust or self.trust(), signature=bundle).report


@pytest.mark.parametrize("name", POSITIVE)
def test_a_good_case_verifies_or_names_what_its_signer_hid(
    tmp_path: Path, vectors: Path, name: str
) -> None:
    case = Case(vectors, f"verify/positive/{name}", tmp_path)
    if name in NEEDS_IGNORE:
        report = case.verify()
        assert report.exit is Exit.BAD
        assert any(check.name == "signature" and check.outcome == "pass" for check in report.checks)
        assert "`ignore-me`" in said(report)
        (case.model / "ignore-me").unlink()
    report = case.verify()
    assert report.exit is Exit.GOOD, said(report)


@pytest.mark.parametrize("name", NEGATIVE)
def test_a_bad_case_is_refused(tmp_path: Path, vectors: Path, name: str) -> None:
    case = Case(vectors, f"verify/negative/{name}", tmp_path)
    if (case.model / "ignore-me").exists():
        (case.model / "ignore-me").unlink()
    report = case.verify()
    assert report.exit is Exit.BAD
    assert report.verified is None


def test_a_case_that_names_no_key_has_no_one_to_trust(tmp_path: Path, vectors: Path) -> None:
    case = Case(vectors, "verify/negative/sigstore-verify-as-key_fail", tmp_path)
    with pytest.raises(CallError):
        case.trust()


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_certificates_and_keyless_bundles_are_unsupported_and_never_tampered(
    tmp_path: Path, vectors: Path, name: str
) -> None:
    case = Case(vectors, f"verify/{name}", tmp_path)
    key = PublicKey.load(case.assets / "keys/certificate/signing-key-pub.pem")
    report = case.verify(Trust.in_keys([key]))
    assert report.exit is Exit.UNCHECKED, said(report)


def golden(vectors: Path, version: str, place: Path) -> tuple[Path, Trust]:
    source = vectors / "model-transparency"
    public = PublicKey.load(source / "keys/certificate/signing-key-pub.pem")
    tree = shutil.copytree(source / f"{version}-elliptic-key", place / "m")
    tree.chmod(0o755)
    return tree, Trust.in_keys([public])


@pytest.mark.parametrize("version", GOLDEN_FILES)
def test_golden_signatures_of_single_files_verify(
    tmp_path: Path, vectors: Path, version: str
) -> None:
    tree, trust = golden(vectors, version, tmp_path)
    report = examine(tree / "signme-1", trust, signature=tree / "model.sig").report
    assert report.exit is Exit.GOOD, said(report)
    report = examine(tree, trust).report
    assert report.exit is Exit.BAD, "the list of a file is no list of a tree"


@pytest.mark.parametrize("version", GOLDEN_TREES)
def test_golden_signatures_of_trees_verify_but_for_the_file_that_they_leave_out(
    tmp_path: Path, vectors: Path, version: str
) -> None:
    tree, trust = golden(vectors, version, tmp_path)
    report = examine(tree, trust).report
    assert report.exit is Exit.BAD
    assert any(check.name == "signature" and check.outcome == "pass" for check in report.checks)
    assert "`ignore-me`" in said(report)
    (tree / "ignore-me").unlink()
    report = examine(tree, trust).report
    assert report.exit is Exit.GOOD, said(report)
    (tree / "signme-1").chmod(0o644)
    (tree / "signme-1").write_bytes(b"x")
    assert examine(tree, trust).report.exit is Exit.BAD


@pytest.mark.parametrize("name", ROUNDTRIPS)
def test_what_is_signed_for_a_case_verifies_and_fits_the_schemas(
    tmp_path: Path, vectors: Path, name: str
) -> None:
    case = Case(vectors, f"roundtrip/{name}", tmp_path)
    expected = case.config["expected_signed_files"]
    if (case.model / "ignore-me").exists() and "ignore-me" not in expected:
        (case.model / "ignore-me").unlink()
    key = PrivateKey.load(case.assets / case.config["sign"]["private_key"])
    sign_artifact(case.model, LocalKeySigner(key), SignOptions(scan=False))
    report = examine(case.model, case.trust()).report
    assert report.exit is Exit.GOOD, said(report)
    statement = check_schemas(vectors, report.artifact.sidecars.signature.read_bytes())
    listed = statement["predicate"]["resources"]
    assert sorted(one["name"] for one in listed) == sorted(expected)
    assert oms_root(one["digest"] for one in listed) == statement["subject"][0]["digest"]["sha256"]


@pytest.mark.parametrize(
    "name", ["key-symlink-cycle", "key-symlink-outside-root", "key-empty-model-rejected"]
)
def test_what_a_signer_must_refuse_is_refused(tmp_path: Path, vectors: Path, name: str) -> None:
    case = Case(vectors, f"roundtrip/{name}", tmp_path)
    key = PrivateKey.load(case.assets / case.config["sign"]["private_key"])
    if name == "key-empty-model-rejected":
        (case.model / ".gitignore").unlink(missing_ok=True)
    with pytest.raises(WeightmarkError) as caught:
        sign_artifact(case.model, LocalKeySigner(key), SignOptions(scan=False))
    assert caught.value.exit is not Exit.GOOD
    assert not (case.model / "model.sig").exists()


def test_links_are_refused_when_they_are_not_allowed(tmp_path: Path, vectors: Path) -> None:
    case = Case(vectors, "roundtrip/key-symlink-default-rejected", tmp_path)
    key = PrivateKey.load(case.assets / case.config["sign"]["private_key"])
    with pytest.raises(WeightmarkError):
        sign_artifact(case.model, LocalKeySigner(key), SignOptions(scan=False, allow_links=False))


@cache
def schemas(vectors: Path) -> dict[str, Draft202012Validator]:
    folder = vectors / "oms-spec/schemas"
    found = {path.name.split(".")[0]: json.loads(path.read_text()) for path in folder.iterdir()}
    resources = [(one["$id"], Resource.from_contents(one)) for one in found.values()]
    registry: Registry[Any] = Registry().with_resources(resources)
    return {name: Draft202012Validator(one, registry=registry) for name, one in found.items()}


def check_schemas(vectors: Path, data: bytes) -> dict[str, Any]:
    """Check a bundle and its statement against the published schemas; return the statement."""
    validators = schemas(vectors)
    document = json.loads(data)
    validators["bundle"].validate(document)
    statement: dict[str, Any] = json.loads(base64.b64decode(document["dsseEnvelope"]["payload"]))
    validators["statement"].validate(statement)
    validators["predicate"].validate(statement["predicate"])
    return statement


def test_what_is_written_fits_the_published_schemas(tmp_path: Path, vectors: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    check_schemas(vectors, (tree / "model.sig").read_bytes())
    for line in (tree / "model.claims").read_bytes().splitlines():
        schemas(vectors)["bundle"].validate(json.loads(line))
    file = make_tree(tmp_path, FILES) / "config.json"
    sign(file)
    check_schemas(vectors, Path(f"{file}.sig").read_bytes())


def test_the_examples_of_the_specification_read_as_it_says(vectors: Path) -> None:
    folder = vectors / "oms-spec"
    Bundle.parse((folder / "valid/key.bundle.json").read_bytes())
    for name in ("certificate", "sigstore"):
        with pytest.raises(UncheckedError):
            Bundle.parse((folder / f"valid/{name}.bundle.json").read_bytes())
    for path in sorted((folder / "invalid").iterdir()):
        with pytest.raises(WeightmarkError):
            Bundle.parse(path.read_bytes())


def test_the_example_with_another_predicate_is_refused(tmp_path: Path, vectors: Path) -> None:
    key = PublicKey.load(vectors / "oms-conformance/assets/keys/certificate/signing-key-pub.pem")
    tree = make_tree(tmp_path / "m")
    data = (vectors / "oms-spec/invalid-payload/wrong-predicate.bundle.json").read_bytes()
    (tree / "model.sig").write_bytes(data)
    assert examine(tree, Trust.in_keys([key])).report.exit in (Exit.BAD, Exit.UNCHECKED)
