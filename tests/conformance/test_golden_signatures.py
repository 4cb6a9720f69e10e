"""The golden signatures that the reference keeps from its own history, v0.2.0 to v1.1.0: all of them verify.

Those of v1.0.1 and v1.1.0 left out the file `ignore-me`, which the caller has to accept by name.
"""

import shutil
from pathlib import Path

import pytest

from tests.attestations.forge import make_tree, said
from tests.conformance.oms_suite import adapter
from weightmark.attestations.keys import PublicKey
from weightmark.attestations.trust import Trust
from weightmark.attestations.verifying.verification import VerifyOptions, examine
from weightmark.errors import Exit

pytestmark = pytest.mark.needs("vectors")

FILES = ("v0.3.1-elliptic-key", "v1.0.0-elliptic-key")
TREES = ("v1.0.1-elliptic-key", "v1.1.0-elliptic-key")
CERTIFICATES = (
    *("v0.2.0-certificate", "v0.3.1-certificate", "v1.0.0-certificate"),
    *("v1.0.1-certificate", "v1.1.0-certificate"),
)
KEYLESS = ("v0.3.1-sigstore", "v1.0.0-sigstore", "v1.0.1-sigstore", "v1.1.0-sigstore")
WHO = ("--identity", "stefanb@us.ibm.com")
WHERE = ("--identity-provider", "https://sigstore.verify.ibm.com/oauth2")


def golden(vectors: Path, name: str, place: Path) -> Path:
    tree = shutil.copytree(vectors / "model-transparency" / name, place / "m")
    for copied in (tree, *tree.iterdir()):
        copied.chmod(0o755)
    return tree


def flags(vectors: Path, name: str, tree: Path) -> list[str]:
    keys = vectors / "model-transparency/keys/certificate"
    if name in CERTIFICATES:
        how = ["certificate", "--cert-chain", str(keys / "ca-cert.pem")]
    elif name in KEYLESS:
        how = ["sigstore", *WHO, *WHERE]
    else:
        how = ["key", "--public-key", str(keys / "signing-key-pub.pem")]
    model = tree / "signme-1" if name in FILES else tree
    ignored = tree / "ignore-me"
    more = ["--ignore-paths", str(ignored)] if ignored.exists() else []
    where = ["--model-path", str(model), "--bundle", str(tree / "model.sig")]
    return ["verify-model", "--method", *how, *where, *more]


@pytest.mark.parametrize("name", [*FILES, *TREES, *CERTIFICATES, *KEYLESS])
def test_a_golden_signature_verifies_and_its_twin_with_other_content_does_not(
    tmp_path: Path, vectors: Path, name: str
) -> None:
    tree = golden(vectors, name, tmp_path)
    call = flags(vectors, name, tree)
    assert adapter()(call) == Exit.GOOD
    (tree / "signme-1").write_bytes(b"other content")
    assert adapter()(call) == Exit.BAD


def key_trust(vectors: Path) -> Trust:
    place = vectors / "model-transparency/keys/certificate/signing-key-pub.pem"
    return Trust.in_keys([PublicKey.load(place)])


@pytest.mark.parametrize("name", FILES)
def test_the_signature_of_a_file_is_none_of_a_tree(
    tmp_path: Path, vectors: Path, name: str
) -> None:
    tree = golden(vectors, name, tmp_path)
    assert examine(tree, key_trust(vectors)).report.exit is Exit.BAD


@pytest.mark.parametrize("name", TREES)
def test_the_file_that_was_left_out_is_refused_until_the_caller_names_it(
    tmp_path: Path, vectors: Path, name: str
) -> None:
    tree = golden(vectors, name, tmp_path)
    report = examine(tree, key_trust(vectors)).report
    assert report.exit is Exit.BAD
    assert any(check.name == "signature" and check.outcome == "pass" for check in report.checks)
    assert "`ignore-me`" in said(report)
    accepted = VerifyOptions(ignore_paths=("ignore-me",))
    report = examine(tree, key_trust(vectors), options=accepted).report
    assert report.exit is Exit.GOOD, said(report)
    assert report.verified is not None
    assert report.verified.uncovered == ("ignore-me",)
    make_tree(tree, {"another": b"x"})
    assert examine(tree, key_trust(vectors), options=accepted).report.exit is Exit.BAD
