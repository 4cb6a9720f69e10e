"""Interoperability with the reference implementation, model-signing 1.1.1, in both directions.

The reference takes a second to start, so its own command line is called many times in one process.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.attestations.forge import ECHO, make_tree, said
from weightmark.attestations.keys import PrivateKey, PublicKey
from weightmark.attestations.making.signing import SignOptions, add_claim, sign_artifact
from weightmark.attestations.predicates.oms import Serialization
from weightmark.attestations.signers.certificate import CertificateSigner
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.certificates import (
    CertificateAnchor,
    CertificateRule,
    load_certificates,
)
from weightmark.attestations.verifying.verification import VerifyOptions, VerifyReport, examine
from weightmark.errors import Exit

pytestmark = pytest.mark.needs("model_signing")

KINDS = ("ecdsa-p256", "ecdsa-p384", "ecdsa-p521")
TREES = {
    "plain": {"config.json": b"{}", "weights.bin": b"w" * 5000},
    "nested": {"a b": b"1", "a/b": b"2", "a!": b"3", "a.b/c/d": b"4", "Z": b"5"},
    "unicode": {"模型/权重.bin": b"1", "ünï.txt": b"2", "🙂": b"3"},
    "odd": {"empty.bin": b"", "back\\slash": b"1", "new\nline": b"2", "a:b": b"3", "- -x": b"4"},
    "git": {"w": b"1", ".gitattributes": b"x", ".github/ci.yml": b"y", "sub/.gitignore": b"z"},
}
FILES = {"empty.bin": b"", "weights.bin": b"w" * 5000, "模型.bin": b"m"}
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"

DRIVER = """
import json, sys, warnings
warnings.simplefilter("ignore")
from click.testing import CliRunner
from model_signing._cli import main
answers = []
for job in json.load(sys.stdin):
    result = CliRunner().invoke(main, job)
    answers.append([result.exit_code, result.output])
json.dump(answers, sys.stderr)
"""


FORMS = """
import sys
from pathlib import Path
from model_signing import hashing, signing
root, key = Path(sys.argv[1]), sys.argv[2]
for form in sys.argv[3:]:
    method, algorithm = form.split("-")
    config = hashing.Config()
    if method == "shards":
        config.use_shard_serialization(hashing_algorithm=algorithm, shard_size=8)
    else:
        config.use_file_serialization(hashing_algorithm=algorithm)
    tree = root / form
    config.set_ignored_paths(paths=[tree / "model.sig"], ignore_git_paths=True)
    signer = signing.Config().use_elliptic_key_signer(private_key=key)
    signer.set_hashing_config(config).sign(tree, tree / "model.sig")
"""
GUESSED = """
import sys
from model_signing import verifying
for tree in sys.argv[2:]:
    config = verifying.Config().use_elliptic_key_verifier(public_key=sys.argv[1])
    config.verify(tree, f"{tree}/model.sig")
"""


@dataclass(frozen=True)
class Reference:
    """The command line of the reference."""

    python: Path

    def run(self, jobs: Sequence[Sequence[str]]) -> list[tuple[int, str]]:
        """Run several calls one after the other; return exit code and output of each."""
        done = subprocess.run(
            [self.python, "-c", DRIVER],
            input=json.dumps([list(map(str, job)) for job in jobs]),
            capture_output=True,
            text=True,
            check=True,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONUTF8": "1", **_tokens()},
        )
        answers = json.loads(done.stderr.splitlines()[-1])
        return [(code, output) for code, output in answers]

    def call(self, script: str, *args: object) -> None:
        """Run a script against its library; raises when it fails."""
        asked = [str(self.python), "-W", "ignore", "-c", script, *map(str, args)]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def _tokens() -> dict[str, str]:
    """Return where SoftHSM keeps its tokens, when a test has some."""
    name = "SOFTHSM2_CONF"
    return {name: os.environ[name]} if name in os.environ else {}


@pytest.fixture
def reference(model_signing_python: Path) -> Reference:
    return Reference(model_signing_python)


def key_files(folder: Path, kind: str) -> tuple[PrivateKey, Path, Path]:
    key = PrivateKey.generate(kind)
    private, public = folder / f"{kind}.key", folder / f"{kind}.pub"
    private.write_bytes(key.to_pem(None))
    public.write_bytes(key.public.pem)
    return key, private, public


def verify_job(path: Path, signature: Path, public: Path, *more: str) -> list[str]:
    return [
        *("verify", "key", str(path), "--signature", str(signature)),
        *("--public_key", str(public), *more),
    ]


def sign(path: Path, key: PrivateKey) -> None:
    sign_artifact(path, KeySigner(key), SignOptions(scan=False))


def verify(path: Path, public: Path, signature: Path | None = None) -> VerifyReport:
    return examine(path, Trust.in_keys([PublicKey.load(public)]), signature=signature).report


def test_the_reference_accepts_what_sign_writes(tmp_path: Path, reference: Reference) -> None:
    jobs = []
    for kind in KINDS:
        key, _, public = key_files(tmp_path, kind)
        for name, files in TREES.items():
            tree = make_tree(tmp_path / kind / name, files)
            sign(tree, key)
            jobs.append(verify_job(tree, tree / "model.sig", public))
        for name, content in FILES.items():
            file = make_tree(tmp_path / kind / "single", {name: content}) / name
            sign(file, key)
            jobs.append(verify_job(file, Path(f"{file}.sig"), public))
    for job, (code, output) in zip(jobs, reference.run(jobs), strict=True):
        assert code == 0, (job, output)


def test_the_reference_still_accepts_when_files_come_beside_it(
    tmp_path: Path, reference: Reference
) -> None:
    key, _, public = key_files(tmp_path, "ecdsa-p384")
    jobs = []
    for stage in range(5):
        tree = make_tree(tmp_path / f"m{stage}", TREES["plain"])
        sign(tree, key)
        if stage > 0:
            add_claim(tree, KeySigner(key), TEST_RESULT, {"result": "PASSED"})
        if stage > 1:
            other = KeySigner(PrivateKey.generate())
            add_claim(tree, other, TEST_RESULT, {"result": "PASSED"})
            sign_artifact(tree, other, SignOptions(scan=False))
        if stage > 2:
            make_tree(tree, {"model.receipt": b"c2sp.org/tlog-proof@v1\n"})
        if stage > 3:
            make_tree(tree, {".git/HEAD": b"ref", ".cache/huggingface/x.lock": b""})
            make_tree(tree, {".gitattributes": b"*", ".github/ci.yml": b"y"})
        jobs.append(verify_job(tree, tree / "model.sig", public))
    for job, (code, output) in zip(jobs, reference.run(jobs), strict=True):
        assert code == 0, (job, output)


def test_the_reference_needs_its_flag_for_links_and_then_accepts(
    tmp_path: Path, reference: Reference
) -> None:
    key, _, public = key_files(tmp_path, "ecdsa-p256")
    tree = make_tree(tmp_path / "m", TREES["plain"])
    (tree / "alias.bin").symlink_to("weights.bin")
    sign(tree, key)
    job = verify_job(tree, tree / "model.sig", public)
    without, with_flag = reference.run([job, [*job, "--allow_symlinks"]])
    assert without[0] == 1
    assert with_flag[0] == 0, with_flag[1]


def test_the_reference_refuses_what_is_refused_here(tmp_path: Path, reference: Reference) -> None:
    key, _, public = key_files(tmp_path, "ecdsa-p256")
    jobs = []
    for name in ("changed", "extra", "missing"):
        tree = make_tree(tmp_path / name, TREES["plain"])
        sign(tree, key)
        if name == "missing":
            (tree / "config.json").unlink()
        else:
            make_tree(tree, {"config.json" if name == "changed" else "x": ECHO})
        jobs.append(verify_job(tree, tree / "model.sig", public))
        assert verify(tree, public).exit is Exit.BAD
    assert [code for code, _ in reference.run(jobs)] == [1, 1, 1]


def test_signatures_of_the_reference_verify_here(tmp_path: Path, reference: Reference) -> None:
    jobs, checks = [], []
    for kind in KINDS:
        _, private, public = key_files(tmp_path, kind)
        for name, files in TREES.items():
            tree = make_tree(tmp_path / kind / name, files)
            checks.append((tree, tree / "model.sig", public))
        for name, content in FILES.items():
            file = make_tree(tmp_path / kind / "single", {name: content}) / name
            checks.append((file, Path(f"{file}.sig"), public))
        jobs += [
            [
                *("sign", "key", str(path), "--signature", str(signature)),
                *("--private_key", str(private)),
            ]
            for path, signature, own in checks
            if own == public
        ]
    for job, (code, output) in zip(jobs, reference.run(jobs), strict=True):
        assert code == 0, (job, output)
    for path, _, public in checks:
        report = verify(path, public)
        assert report.exit is Exit.GOOD, (path, said(report))
        assert report.verified is not None
        if path.is_dir():
            make_tree(path, {"extra.bin": b"x"})
        else:
            path.write_bytes(b"changed")
        assert verify(path, public).exit is Exit.BAD


def test_links_ignores_and_shards_of_the_reference_are_read_as_the_design_says(
    tmp_path: Path, reference: Reference
) -> None:
    _, private, public = key_files(tmp_path, "ecdsa-p256")
    linked = make_tree(tmp_path / "linked", TREES["plain"])
    (linked / "alias.bin").symlink_to("weights.bin")
    hiding = make_tree(tmp_path / "hiding", {**TREES["plain"], "ignore-me": b"x"})
    detached = make_tree(tmp_path / "detached", TREES["plain"])

    def job(tree: Path, signature: str, *more: str) -> list[str]:
        place = str(tree / signature)
        return [
            "sign",
            "key",
            str(tree),
            "--signature",
            place,
            "--private_key",
            str(private),
            *more,
        ]

    jobs = [
        job(linked, "model.sig", "--allow_symlinks"),
        job(hiding, "model.sig", "--ignore-paths", str(hiding / "ignore-me")),
        job(detached, "release.sig"),
    ]
    for code, output in reference.run(jobs):
        assert code == 0, output
    assert verify(linked, public).exit is Exit.GOOD
    report = verify(hiding, public)
    assert report.exit is Exit.BAD
    assert "the signer asked to ignore `ignore-me`" in said(report)
    (hiding / "ignore-me").unlink()
    assert verify(hiding, public).exit is Exit.GOOD
    report = verify(detached, public, detached / "release.sig")
    assert report.exit is Exit.GOOD, said(report)


def test_claims_beside_a_signature_of_the_reference_keep_it_verifiable(
    tmp_path: Path, reference: Reference
) -> None:
    _, private, public = key_files(tmp_path, "ecdsa-p256")
    tree = make_tree(tmp_path / "m", TREES["plain"])
    signature = tree / "model.sig"
    asked = [
        *("sign", "key", str(tree), "--signature", str(signature)),
        *("--private_key", str(private)),
    ]
    assert reference.run([asked])[0][0] == 0
    second = KeySigner(PrivateKey.generate())
    sign_artifact(tree, second, SignOptions(scan=False))
    owner = KeySigner(PrivateKey.load(private))
    add_claim(tree, owner, TEST_RESULT, {"result": "PASSED"})
    ((code, output),) = reference.run([verify_job(tree, signature, public)])
    assert code == 0, output
    assert verify(tree, public).exit is Exit.GOOD


def test_every_form_that_the_library_of_the_reference_writes_verifies_here(
    tmp_path: Path, reference: Reference
) -> None:
    _, private, public = key_files(tmp_path, "ecdsa-p256")
    forms = ("files-blake2", "files-blake3", "shards-sha256", "shards-blake2", "shards-blake3")
    files = {"a": b"0123456789" * 3, "empty": b"", "d/b c": b"x", "full": b"8 bytes."}
    trees = [make_tree(tmp_path / "m" / form, files) for form in forms]
    reference.call(FORMS, tmp_path / "m", private, *forms)
    for tree in trees:
        report = verify(tree, public)
        assert report.exit is Exit.GOOD, (tree.name, said(report))
        assert report.verified is not None
        assert set(report.verified.uncovered) <= {"empty"}
        make_tree(tree, {"a": b"0123456789" * 2 + b"0123456780"})
        assert verify(tree, public).exit is Exit.BAD


def test_the_library_of_the_reference_verifies_blake3_and_sha256_of_whole_files(
    tmp_path: Path, reference: Reference
) -> None:
    key, _, public = key_files(tmp_path, "ecdsa-p384")
    trees = []
    for algorithm in ("sha256", "blake3"):
        trees.append(make_tree(tmp_path / algorithm, TREES["nested"]))
        how = SignOptions(scan=False, oms=Serialization.of("files", algorithm))
        sign_artifact(trees[-1], KeySigner(key), how)
    reference.call(GUESSED, public, *trees)


def test_the_reference_follows_what_was_left_out_when_signing(
    tmp_path: Path, reference: Reference
) -> None:
    key, _, public = key_files(tmp_path, "ecdsa-p256")
    tree = make_tree(tmp_path / "m", {**TREES["plain"], "notes.txt": b"x"})
    sign_artifact(tree, KeySigner(key), SignOptions(scan=False, ignore_paths=("notes.txt",)))
    left = ("--ignore-paths", str(tree / "notes.txt"))
    asked = verify_job(tree, tree / "model.sig", public, *left)
    ((code, output),) = reference.run([asked])
    assert code == 0, output
    chosen = VerifyOptions(ignore_paths=("notes.txt",))
    trust = Trust.in_keys([PublicKey.load(public)])
    assert examine(tree, trust, options=chosen).report.exit is Exit.GOOD


@pytest.mark.needs("vectors")
def test_certificate_signatures_verify_in_both_directions(
    tmp_path: Path, reference: Reference, vectors: Path
) -> None:
    keys = vectors / "oms-conformance/assets/keys/certificate"
    leaf, issuer = keys / "signing-key-cert.pem", keys / "int-ca-cert.pem"
    root, private = keys / "ca-cert.pem", keys / "signing-key.pem"
    ours, theirs = (make_tree(tmp_path / name, TREES["plain"]) for name in ("ours", "theirs"))
    signer = CertificateSigner.load(PrivateKey.load(private), leaf, [issuer])
    sign_artifact(ours, signer, SignOptions(scan=False))
    chain = ("--certificate_chain", str(root))
    place = ("--signature", str(ours / "model.sig"))
    made = ("--signature", str(theirs / "model.sig"), "--private_key", str(private))
    named = ("--signing_certificate", str(leaf), "--certificate_chain", str(issuer))
    jobs = [
        ["verify", "certificate", str(ours), *place, *chain],
        ["sign", "certificate", str(theirs), *made, *named],
    ]
    for code, output in reference.run(jobs):
        assert code == 0, output
    authorities = load_certificates(root.read_bytes(), "the root")
    anchor = CertificateAnchor(authorities, CertificateRule.parse(anybody=True))
    for tree in (ours, theirs):
        report = examine(tree, Trust.in_anchors([anchor])).report
        assert report.exit is Exit.GOOD, said(report)
