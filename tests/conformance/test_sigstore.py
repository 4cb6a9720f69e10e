"""The published Sigstore suite: 70 bundles, through the adapter, and against sigstore-python.

Every bundle whose folder ends in `_fail` must be refused, every other one accepted. Which of the
two kinds of refusal it is - bad, or could not be checked - is written down here.
"""

import importlib.util
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.attestations.sigstore.cases import Case
from weightmark.errors import Exit

pytestmark = pytest.mark.needs("vectors")

ADAPTER = Path(__file__).parents[2] / "tools" / "sigstore-adapter"
NUMBER = 70
UNCHECKED = frozenset(
    [
        "bundle-unknown-version_fail",
        "invalid-ct-key_fail",
        "managed-key-wrong-key_fail",
        "rekor2-no-timestamp_fail",
        "rekor2-timestamp-outside-trust-root-tsa-validity_fail",
        "rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail",
        "rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail",
        "trust-root-tlog-missing-validity-start_fail",
    ]
)
"""refused because it can't be told: a missing proof, an unknown or ended authority, an unusable root"""
NOT_SIGSTORE_PYTHON = {
    "intoto-with-custom-trust-root": "sigstore-python knows no entries of the kind intoto",
    "trust-root-tsa-validity-end-inclusive": "sigstore-python leaves out the end of a window",
    "managed-key-and-trusted-root": "sigstore-python verifies no signatures by key",
    "managed-key-happy-path": "sigstore-python verifies no signatures by key",
}


def names(vectors: Path) -> list[str]:
    suite = vectors / "sigstore-conformance" / "bundle-verify"
    return sorted(path.name for path in suite.iterdir() if path.is_dir())


def arguments(case: Case) -> list[str]:
    found = ["verify-bundle", "--bundle", str(case.folder / "bundle.sigstore.json")]
    if case.key_path.exists():
        found += ["--key", str(case.key_path)]
    else:
        found += ["--certificate-identity", case.identity]
        found += ["--certificate-oidc-issuer", case.issuer]
    if case.root_path.exists():
        found += ["--trusted-root", str(case.root_path)]
    return [*found, str(case.file_path)]


@pytest.fixture(scope="module")
def adapter() -> ModuleType:
    loader = SourceFileLoader("sigstore_adapter", str(ADAPTER))
    spec = importlib.util.spec_from_loader("sigstore_adapter", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_all_seventy_bundles_get_the_verdict_they_are_published_with(
    vectors: Path, adapter: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {}
    for name in names(vectors):
        code = adapter.main(arguments(Case(vectors, name)))
        expected = Exit.BAD if name.endswith("_fail") else Exit.GOOD
        if name in UNCHECKED:
            expected = Exit.UNCHECKED
        if code != expected:
            wrong[name] = (code, capsys.readouterr().err)
    assert len(names(vectors)) == NUMBER
    assert wrong == {}


@pytest.mark.parametrize("name", ["happy-path-v0.3", "signature-mismatch_fail"])
def test_the_adapter_is_a_program(vectors: Path, name: str) -> None:
    command = [sys.executable, str(ADAPTER), *arguments(Case(vectors, name))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == name.endswith("_fail"), done.stderr


def test_the_adapter_takes_a_digest_for_a_file(vectors: Path, adapter: ModuleType) -> None:
    import hashlib

    case = Case(vectors, "happy-path-v0.3")
    digest = hashlib.sha256(case.file_path.read_bytes()).hexdigest()
    assert adapter.main([*arguments(case)[:-1], f"sha256:{digest}"]) == 0
    assert adapter.main([*arguments(case)[:-1], f"sha256:{'0' * 64}"]) == Exit.BAD


def test_sigstore_python_gives_the_same_verdicts_but_for_named_ones(vectors: Path) -> None:
    differs = set()
    for name in names(vectors):
        case = Case(vectors, name)
        ours = _accepts(case)
        if ours != _sigstore_python_accepts(case):
            differs.add(name)
    assert differs == set(NOT_SIGSTORE_PYTHON)


def _accepts(case: Case) -> bool:
    from weightmark.errors import WeightmarkError

    try:
        case.verify()
    except WeightmarkError:
        return False
    return True


def _sigstore_python_accepts(case: Case) -> bool:
    from sigstore.errors import Error
    from sigstore.models import Bundle, TrustedRoot
    from sigstore.verify import Verifier, policy

    root: Any = case.root_path
    if not root.exists():
        root = case.folder.parents[2] / "trusted_root.public-good.json"
    try:
        bundle = Bundle.from_json(case.bundle_bytes)
        verifier = Verifier(trusted_root=TrustedRoot.from_file(str(root)))
        rule = policy.Identity(identity=case.identity, issuer=case.issuer)
        if "dsseEnvelope" in case.document:
            verifier.verify_dsse(bundle, rule)
        else:
            verifier.verify_artifact(case.file_path.read_bytes(), bundle, rule)
    except (Error, ValueError):
        return False
    return True
