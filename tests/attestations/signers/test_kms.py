"""Keys in services: their URIs, their failures, and HashiCorp Vault as far as its transit API goes."""

import base64
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.attestations.forge import make_tree
from tests.sim.faults import Fault, FaultKind, Faults
from tests.sim.web import Answer, LoopbackServer, Request
from weightmark.attestations.keys.kms import KmsKey
from weightmark.attestations.keys.schemes import KMS_SCHEMES
from weightmark.attestations.making.signing import SignOptions, sign_artifact
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.verifying.verification import examine
from weightmark.errors import (
    CallError,
    Exit,
    NetworkError,
    UncheckedError,
    UnsupportedError,
)

WRONG = [
    "awskms:",
    "awskms:a b",
    "gcpkms:my-key",
    "gcpkms:projects/p/locations/l/keyRings/r/cryptoKeys/k",
    "azurekms:vault/keys/k/1",
    "azurekms://evil.example.com/keys/k/1",
    "azurekms://vault.vault.azure.net/keys/k",
    "azurekms://vault.vault.azure.net.evil.example.com/keys/k/1",
    "hv:",
    "hv:../sys/seal",
    "hv:a/b/c",
    "hv:name/one",
    "file2:key.pem",
    "hsm:2?label=x",
]


@pytest.mark.parametrize("uri", WRONG)
def test_a_uri_that_names_no_key_is_a_wrong_call(uri: str) -> None:
    with pytest.raises(CallError):
        KmsKey.open(uri)


EXAMPLES = {
    "awskms": "awskms:alias/release",
    "gcpkms": "gcpkms:projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
    "azurekms": "azurekms://vault.vault.azure.net/keys/release/0123abcd",
}
"""URIs of services whose libraries are not among those for development, but for that of AWS"""
_WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(["boto3", "botocore"]))
from weightmark.attestations.keys.kms import KmsKey
from weightmark.errors import ExtraMissingError
try:
    KmsKey.open(sys.argv[1])
except ExtraMissingError as error:
    print(error.fix)
"""
"""opens a key where the library of AWS, which the tests of object stores need, can't be imported"""


@pytest.mark.parametrize("scheme", EXAMPLES)
def test_a_missing_library_is_said_with_the_command_that_installs_it(scheme: str) -> None:
    words = [sys.executable, "-c", _WITHOUT, EXAMPLES[scheme]]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert f"weightmark[{KMS_SCHEMES[scheme]}]" in said


class Vault:
    """The transit engine of a Vault with one Ed25519 key of two versions."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.server = LoopbackServer(self.faults)
        self.keys = [Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()]
        self.answers_with = 1
        self.kind = "ed25519"
        self.server.route("vault", "/v1/transit/keys/release", self._key)
        self.server.route("vault", "/v1/transit/sign/release", self._sign)

    def _key(self, _: Request) -> Answer:
        versions = {}
        for number, key in enumerate(self.keys, start=1):
            raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            versions[str(number)] = {
                "name": self.kind,
                "public_key": base64.b64encode(raw).decode(),
            }
        return Answer.of({"data": {"keys": versions, "type": self.kind}})

    def _sign(self, request: Request) -> Answer:
        message = base64.b64decode(str(request.json()["input"]))
        signature = base64.b64encode(self.keys[self.answers_with].sign(message)).decode()
        return Answer.of({"data": {"signature": f"vault:v2:{signature}"}})


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    service = Vault()
    monkeypatch.setenv("VAULT_ADDR", service.server.url)
    monkeypatch.setenv("VAULT_TOKEN", "harmless")
    yield service
    service.server.stop()


@pytest.mark.needs("hvac")
class TestVault:
    def test_a_key_in_vault_signs_a_release(self, vault: Vault, tmp_path: Path) -> None:
        signer = KeySigner(KmsKey.open("hv:release"))
        tree = make_tree(tmp_path / "m")
        sign_artifact(tree, signer, SignOptions(scan=False))
        assert examine(tree, signer.own_trust()).report.exit is Exit.GOOD
        assert len(vault.server.requests("vault")) == 4

    @pytest.mark.usefixtures("vault")
    def test_a_version_may_be_named_and_an_older_one_is_unsupported(self) -> None:
        newest = KmsKey.open("hv:release/2")
        assert newest.public.fingerprint == KmsKey.open("hv:release").public.fingerprint
        with pytest.raises(UnsupportedError, match="not the newest"):
            KmsKey.open("hv:release/1")

    def test_a_signature_by_another_key_of_the_service_is_noticed(
        self, vault: Vault, tmp_path: Path
    ) -> None:
        key = KmsKey.open("hv:release")
        vault.answers_with = 0
        tree = make_tree(tmp_path / "m")
        with pytest.raises(UncheckedError, match="does not fit its public key"):
            sign_artifact(tree, KeySigner(key), SignOptions(scan=False))
        assert not (tree / "model.sig").exists()

    @pytest.mark.parametrize(
        "fault",
        [Fault.error(403, '{"errors": ["permission denied"]}'), Fault(Fault.down().kind)],
        ids=["denied", "down"],
    )
    def test_a_service_that_refuses_is_quoted(self, vault: Vault, fault: Fault) -> None:
        vault.faults["vault"] = fault
        with pytest.raises(NetworkError, match="did not do its work") as caught:
            KmsKey.open("hv:release")
        assert caught.value.why
        assert "harmless" not in caught.value.why

    @pytest.mark.usefixtures("vault")
    def test_a_key_that_is_not_there_is_not_a_crash(self) -> None:
        with pytest.raises(NetworkError):
            KmsKey.open("hv:other")

    @pytest.mark.parametrize("fault", [Fault(FaultKind.DRIP), Fault.slow(30)], ids=["drip", "slow"])
    def test_a_service_that_hangs_does_not_hold_the_signer(
        self, vault: Vault, fault: Fault
    ) -> None:
        key = KmsKey.open("hv:release", patience=0.5)
        vault.faults["vault"] = fault
        began = time.monotonic()
        for ask in (lambda: KmsKey.open("hv:release", patience=0.5), lambda: key.sign(b"x")):
            with pytest.raises(NetworkError, match="did not do its work") as caught:
                ask()
            assert "0.5 s" in caught.value.why
        assert time.monotonic() - began < 10

    def test_a_service_that_repeats_the_credentials_does_not_publish_them(
        self, vault: Vault, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VAULT_TOKEN", "hvs.open-sesame-1")
        vault.faults["vault"] = Fault.error(403, '{"errors": ["X-Vault-Token: hvs.open-sesame-1"]}')
        with pytest.raises(NetworkError) as caught:
            KmsKey.open("hv:release")
        assert "open-sesame" not in f"{caught.value.what} {caught.value.why}"
        assert "[secret]" in caught.value.why
