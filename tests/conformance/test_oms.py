"""The conformance suite of the OMS format: 43 signatures to judge, 28 round trips, and the published schemas.

The suite looks at exit codes alone and lets a tool refuse for any reason, so twins that are signed
again test the five rules whose cases only have a broken signature.
"""

import base64
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry, Resource

from tests.attestations.forge import FILES, Json, make_tree, said, sign, signed_tree
from tests.conformance.oms_suite import Case, adapter
from tests.sim.loopback import LoopbackSigstore
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.dsse import (
    IN_TOTO_PAYLOAD_TYPE,
    pre_authentication_encoding,
)
from weightmark.attestations.keys import PrivateKey, PublicKey
from weightmark.attestations.trust import Trust
from weightmark.attestations.verifying.verification import examine
from weightmark.errors import Exit, WeightmarkError
from weightmark.provenance.foreign_digests import oms_root

pytestmark = pytest.mark.needs("vectors")

KEYS = "keys/certificate/signing-key"
HISTORY = ("v0.3.1", "v1.0.0", "v1.0.1", "v1.1.0")
GOOD = (
    *("positive/key-multi-file", "positive/key-simple", "positive/key-simple-go"),
    *("positive/key-simple-ignore-unsigned-files", "positive/key-single-file"),
    *("positive/certificate-simple", "positive/certificate-simple-go"),
    "historical/historical-v0.2.0-certificate",
    *(f"historical/historical-{version}-certificate" for version in HISTORY),
    *(f"historical/historical-{version}-elliptic-key" for version in HISTORY),
    *(f"historical/historical-{version}-sigstore" for version in HISTORY),
)
BAD = {
    "certificate-expired_fail": Exit.BAD,  # it ended before its issuer began
    "certificate-simple-wrong-ca_fail": Exit.BAD,
    "key-simple-corrupted-bundle_fail": Exit.BAD,
    "key-simple-extra-file_fail": Exit.BAD,
    "key-simple-missing-file_fail": Exit.BAD,
    "key-simple-no-signature_fail": Exit.BAD,
    "key-simple-tampered-content_fail": Exit.BAD,
    "key-simple-truncated-bundle_fail": Exit.BAD,
    "key-simple-wrong-key_fail": Exit.BAD,
    "key-simple-wrong-mediatype_fail": Exit.BAD,
    "key-verify-as-certificate_fail": Exit.BAD,
    "malformed-empty-bundle_fail": Exit.BAD,
    "malformed-empty-resources_fail": Exit.BAD,
    "malformed-missing-envelope_fail": Exit.BAD,
    "malformed-no-predicate_fail": Exit.BAD,
    "malformed-no-subject_fail": Exit.BAD,
    "malformed-wrong-payload-type_fail": Exit.BAD,
    "malformed-wrong-predicate_fail": Exit.BAD,
    "malformed-wrong-statement-type_fail": Exit.BAD,
    "sigstore-tampered-content_fail": Exit.BAD,
    "sigstore-verify-as-key_fail": Exit.USAGE,
    "sigstore-wrong-identity_fail": Exit.BAD,
    "sigstore-wrong-issuer_fail": Exit.BAD,
}
ROUND_TRIPS = (
    *("key-binary-content", "key-default-ignores", "key-dotfile-included", "key-empty-file"),
    *("key-files-in-hidden-dir", "key-ignore-paths", "key-ignore-unsigned", "key-multi-file"),
    *("key-p384", "key-p521", "key-sig-inside-model", "key-simple", "key-simple-deterministic"),
    *("key-single-file", "key-special-chars-path", "key-unicode-filename"),
    *("certificate-multi-file", "certificate-self-signed", "certificate-simple"),
)
KEYLESS_ROUND_TRIPS = (
    *("sigstore-ignore-paths", "sigstore-multi-file", "sigstore-sig-inside-model"),
    *("sigstore-simple", "sigstore-single-file"),
)
REFUSED_TO_SIGN = {
    "key-empty-model-rejected": Exit.NOTHING,
    "key-symlink-cycle": Exit.BAD,
    "key-symlink-default-rejected": Exit.BAD,
    "key-symlink-outside-root": Exit.BAD,
}


def test_the_suite_is_whole() -> None:
    assert len(GOOD) + len(BAD) == 43
    assert len(ROUND_TRIPS) + len(KEYLESS_ROUND_TRIPS) + len(REFUSED_TO_SIGN) == 28


@pytest.mark.parametrize("name", GOOD)
def test_a_good_case_verifies(tmp_path: Path, vectors: Path, name: str) -> None:
    case = Case(vectors, f"verify/{name}", tmp_path)
    assert not case.must_fail
    assert case.verify() == Exit.GOOD


@pytest.mark.parametrize("name", BAD)
def test_a_bad_case_is_refused(tmp_path: Path, vectors: Path, name: str) -> None:
    case = Case(vectors, f"verify/negative/{name}", tmp_path)
    assert case.must_fail
    assert case.verify() == BAD[name]


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_what_is_signed_for_a_case_verifies_and_fits_the_schemas(
    tmp_path: Path, vectors: Path, name: str
) -> None:
    case = Case(vectors, f"roundtrip/{name}", tmp_path)
    assert case.sign() == Exit.GOOD
    statement = check_schemas(vectors, case.signature.read_bytes())
    listed = [one["name"] for one in statement["predicate"]["resources"]]
    assert listed == sorted(case.config["expected_signed_files"])
    digests = [one["digest"] for one in statement["predicate"]["resources"]]
    assert oms_root(digests) == statement["subject"][0]["digest"]["sha256"]
    assert case.verify(case.signature) == Exit.GOOD
    again = tmp_path / "again.sig"
    assert case.sign(again) == Exit.GOOD
    assert (
        check_schemas(vectors, again.read_bytes())["predicate"]["resources"]
        == (statement["predicate"]["resources"])
    )
    make_tree(case.model, {listed[0]: b"other content"})
    assert case.verify(again) == Exit.BAD


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackSigstore]:
    """Run a Sigstore on this machine and tell the suite's variables about it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with LoopbackSigstore.running() as sim:
        config = tmp_path / "trust_config.json"
        config.write_text(json.dumps(sim.trust_config()))
        monkeypatch.setenv("WEIGHTMARK_TRUST_CONFIG", str(config))
        monkeypatch.setenv("SIGSTORE_ID_TOKEN", sim.oidc.token())
        monkeypatch.setenv("SIGSTORE_IDENTITY", sim.oidc.person)
        monkeypatch.setenv("SIGSTORE_ISSUER", sim.oidc.url)
        yield sim


@pytest.mark.parametrize("name", KEYLESS_ROUND_TRIPS)
def test_what_is_signed_without_a_key_verifies_and_fits_the_schemas(
    tmp_path: Path, vectors: Path, services: LoopbackSigstore, name: str
) -> None:
    case = Case(vectors, f"roundtrip/{name}", tmp_path)
    assert case.sign() == Exit.GOOD
    statement = check_schemas(vectors, case.signature.read_bytes())
    assert case.verify(case.signature) == Exit.GOOD
    listed = [one["name"] for one in statement["predicate"]["resources"]]
    assert listed == sorted(case.config.get("expected_signed_files", listed))
    make_tree(case.model, {listed[0]: b"other content"})
    assert case.verify(case.signature) == Exit.BAD


@pytest.mark.parametrize("name", REFUSED_TO_SIGN)
def test_what_a_signer_must_refuse_is_refused(tmp_path: Path, vectors: Path, name: str) -> None:
    case = Case(vectors, f"roundtrip/{name}", tmp_path)
    assert case.must_fail
    assert case.sign() == REFUSED_TO_SIGN[name]
    assert not case.signature.exists()


def sign_again(case: Case, change: Callable[[Json], Json]) -> Path:
    """Sign the changed statement of the case with the key that the case trusts."""
    document = json.loads((case.folder / "bundle.sig").read_bytes())
    envelope = document["dsseEnvelope"]
    statement = json.loads(base64.b64decode(envelope["payload"]))
    payload = json.dumps(change(statement)).encode()
    key = PrivateKey.load(case.assets / f"{KEYS}.pem")
    signature = key.sign(pre_authentication_encoding(IN_TOTO_PAYLOAD_TYPE, payload))
    envelope["payload"] = base64.b64encode(payload).decode()
    envelope["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    target = case.place / "twin.sig"
    target.write_text(json.dumps(document))
    return target


WEAK = ("empty-resources", "no-predicate", "no-subject", "wrong-predicate", "wrong-statement-type")


@pytest.mark.parametrize("name", WEAK)
def test_a_malformed_statement_is_refused_though_its_signature_holds(
    tmp_path: Path, vectors: Path, name: str
) -> None:
    case = Case(vectors, f"verify/negative/malformed-{name}_fail", tmp_path)
    twin = sign_again(case, lambda statement: statement)
    assert case.verify(twin) == Exit.BAD
    (case.model / "ignore-me").unlink()
    trust = Trust.in_keys([PublicKey.load(case.assets / f"{KEYS}-pub.pem")])
    report = examine(case.model, trust, signature=twin).report
    codes = [check.code for check in report.checks if check.outcome == "fail"]
    assert codes == ["malformed"], said(report)
    sound = Case(vectors, "verify/positive/key-simple", tmp_path / "sound")
    assert sound.verify(sign_again(sound, lambda statement: statement)) == Exit.GOOD


def test_the_order_of_the_reference_verifies_and_the_order_of_the_specification_is_written(
    tmp_path: Path, vectors: Path
) -> None:
    names = ["a!", "a-b", "a b", "a.b", "a/b", "Z"]
    case = Case(vectors, "verify/positive/key-simple", tmp_path)
    tree = make_tree(tmp_path / "m", {name: name.encode() for name in names})
    sign(tree)
    listed = check_schemas(vectors, (tree / "model.sig").read_bytes())["predicate"]["resources"]
    assert [one["name"] for one in listed] == ["Z", "a b", "a!", "a-b", "a.b", "a/b"]
    digest = {one["name"]: one["digest"] for one in listed}
    parts = sorted(names, key=lambda name: name.split("/"))
    assert parts == ["Z", "a/b", "a b", "a!", "a-b", "a.b"], "the order of the reference"
    ordered = [{"name": n, "algorithm": "sha256", "digest": digest[n]} for n in parts]

    def in_other_order(statement: Json) -> Json:
        statement["predicate"]["resources"] = ordered
        statement["subject"][0]["digest"]["sha256"] = oms_root(digest[name] for name in parts)
        return statement

    (tree / "model.claims").unlink()
    sign_again(case, in_other_order).replace(tree / "model.sig")
    trust = Trust.in_keys([PublicKey.load(case.assets / f"{KEYS}-pub.pem")])
    assert examine(tree, trust).report.exit is Exit.GOOD


def test_the_adapter_says_what_it_can_and_measures(
    tmp_path: Path, vectors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert adapter()(["capabilities"]) == 0
    assert "shards" in json.loads(capsys.readouterr().out)["serializations"]
    case = Case(vectors, "verify/positive/key-multi-file", tmp_path)
    key = str(case.assets / case.config["verify"]["public_key"])
    bundle = str(case.folder / "bundle.sig")
    measured = ["benchmark-model", "--operation", "verify", "--repeat", "2", "--method", "key"]
    where = ["--model-path", str(case.model), "--public-key", key, "--bundle", bundle]
    assert adapter()([*measured, *where]) == 0
    assert len(json.loads(capsys.readouterr().out.splitlines()[-1])["times_ms"]) == 2


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


@pytest.mark.parametrize("name", ["empty", "missing-envelope", "missing-verification-material"])
def test_an_invalid_example_of_the_specification_is_refused(vectors: Path, name: str) -> None:
    with pytest.raises(WeightmarkError):
        Bundle.parse((vectors / f"oms-spec/invalid/{name}.bundle.json").read_bytes())


def test_a_bundle_without_the_list_of_log_entries_has_none(vectors: Path) -> None:
    """The schema demands the list, signers before 1.1.0 left it out."""
    data = (vectors / "oms-spec/invalid/missing-tlog-entries.bundle.json").read_bytes()
    with pytest.raises(ValidationError):
        schemas(vectors)["bundle"].validate(json.loads(data))
    assert Bundle.parse(data).log_entries == ()


def test_valid_examples_of_the_specification_are_read(vectors: Path) -> None:
    for name in ("key", "certificate"):
        Bundle.parse((vectors / f"oms-spec/valid/{name}.bundle.json").read_bytes())


def test_the_example_with_another_predicate_is_refused(tmp_path: Path, vectors: Path) -> None:
    key = PublicKey.load(vectors / f"oms-conformance/assets/{KEYS}-pub.pem")
    tree = make_tree(tmp_path / "m")
    data = (vectors / "oms-spec/invalid-payload/wrong-predicate.bundle.json").read_bytes()
    (tree / "model.sig").write_bytes(data)
    assert examine(tree, Trust.in_keys([key])).report.exit in (Exit.BAD, Exit.UNCHECKED)
