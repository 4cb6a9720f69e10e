"""Witnesses in trust files: who counts, how many, and that nobody counts twice."""

import base64
import hashlib
import json
import struct
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.attestations.keyless.statements import STATEMENT
from tests.attestations.sigstore import own_log
from tests.attestations.sigstore.own_log import HOST, NOW, V2, OwnLog
from tests.sim.client import sign_statement
from tests.sim.loopback import LoopbackSigstore
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.clocks import Clocks
from weightmark.attestations.trust.editing import with_entry
from weightmark.attestations.trust.identities import IdentityAnchor
from weightmark.attestations.trust.keys import KeyAnchor
from weightmark.attestations.trust.trust_file import TrustFile, parse_trust_file
from weightmark.errors import ProofMissingError, SettingsError

PEM = f"pem = '''\n{own_log.SIGNER.public.pem.decode()}'''"
IDENTITY = '[identities.ci]\nidentity = "ci@example.com"\nissuer = "https://idp.example.com"\n'


class Witness:
    """A witness who cosigns checkpoints (C2SP tlog-cosignature)."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.typed = b"\x04" + self.private.public_key().public_bytes_raw()
        self.key_id = hashlib.sha256(name.encode() + b"\n" + self.typed).digest()[:4]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(self.typed).decode()}"

    def line(self, text: bytes, seconds: int = 1780000000) -> bytes:
        signed = self.private.sign(b"cosignature/v1\ntime %d\n%s" % (seconds, text))
        data = base64.b64encode(self.key_id + struct.pack(">Q", seconds) + signed).decode()
        return f"\u2014 {self.name} {data}\n".encode()


ONE, TWO, STRANGER = Witness("w.example/1", 1), Witness("w.example/2", 2), Witness("x.example", 3)


def root_document() -> bytes:
    log = {
        "baseUrl": f"https://{HOST}",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": base64.b64encode(
                bytes.fromhex("302a300506032b6570032100") + own_log.RAW_V2
            ).decode(),
            "keyDetails": "PKIX_ED25519",
            "validFor": {"start": "2026-01-01T00:00:00Z"},
        },
        "logId": {"keyId": base64.b64encode(own_log.ID_V2).decode()},
    }
    return json.dumps(
        {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log],
        }
    ).encode()


def parsed(text: str) -> TrustFile:
    return parse_trust_file(
        f"version = 1\n{text}\n".encode(), source="t.toml", read=lambda _: root_document()
    )


def witnesses(*named: Witness) -> str:
    return "\n".join(f'[witnesses.w{n}]\nkey = "{one.vkey}"' for n, one in enumerate(named))


def file_with(thresholds: str, *named: Witness) -> TrustFile:
    """Return a trust file for one key, whose signatures a log has to hold."""
    return parsed(
        f'log_root = "own"\n[roots.own]\nfile = "root.json"\n[keys.a]\n{PEM}\n'
        f"{witnesses(*named)}\n[thresholds]\n{thresholds}"
    )


def cosigned(*lines: Callable[[bytes], bytes]) -> Bundle:
    log = OwnLog(V2[0])
    log.cosign = lambda text: b"".join(line(text) for line in lines)
    return log.bundle()


def forged(text: bytes) -> bytes:
    return ONE.line(text + b"another text")


def test_witnesses_reach_every_signer_of_the_file() -> None:
    found = parsed(
        f"[keys.a]\n{PEM}\n{IDENTITY}{witnesses(ONE, TWO)}\n[thresholds]\nlogs = 1\ncosignatures = 2"
    )
    key, identity = found.anchors
    assert isinstance(key, KeyAnchor)
    assert (key.clocks.cosignatures, len(key.clocks.witnesses)) == (2, 2)
    assert isinstance(identity, IdentityAnchor)
    assert identity.thresholds.cosignatures == 2
    assert [one.name for one in identity.thresholds.witnesses] == [ONE.name, TWO.name]
    assert [one.label for one in found.witnesses] == ["w0", "w1"]


def test_enough_witnesses_are_believed() -> None:
    (anchor,) = file_with("logs = 1\ncosignatures = 2", ONE, TWO).anchors
    assert anchor.prove(cosigned(TWO.line, STRANGER.line, ONE.line), NOW).signer.name


SHORT: dict[str, tuple[Callable[[bytes], bytes], ...]] = {
    "nobody": (),
    "one of two": (ONE.line,),
    "one who cosigned twice": (ONE.line, lambda text: ONE.line(text, 1780000001)),
    "one and a stranger": (ONE.line, STRANGER.line),
    "one and a forged line": (TWO.line, forged),
    "one who took the name of another": (ONE.line, Witness(TWO.name, 9).line),
}


@pytest.mark.parametrize("name", SHORT)
def test_too_few_witnesses_are_a_missing_proof(name: str) -> None:
    (anchor,) = file_with("logs = 1\ncosignatures = 2", ONE, TWO).anchors
    with pytest.raises(ProofMissingError, match="too few witnesses") as caught:
        anchor.prove(cosigned(*SHORT[name]), NOW)
    assert caught.value.exit == 4


def test_witnesses_alone_demand_nothing() -> None:
    (anchor,) = file_with("logs = 1", ONE).anchors
    assert anchor.prove(cosigned(), NOW).signer.name


def test_two_trust_files_demand_what_the_stricter_one_does() -> None:
    loose, strict = file_with("logs = 1", ONE), file_with("logs = 1\ncosignatures = 1", TWO)
    for joined in (loose.clocks.joined(strict.clocks), strict.clocks.joined(loose.clocks)):
        assert joined.cosignatures == 1
        assert {one.name for one in joined.witnesses} == {ONE.name, TWO.name}
    assert Clocks().joined(strict.clocks).witnesses == strict.clocks.witnesses


WRONG = {
    "more cosignatures than witnesses": f"{IDENTITY}{witnesses(ONE)}\n[thresholds]\ncosignatures = 2",
    "no witness at all": f"{IDENTITY}[thresholds]\ncosignatures = 1",
    "a number as text": f'{IDENTITY}{witnesses(ONE)}\n[thresholds]\ncosignatures = "1"',
    "a negative number": f"{IDENTITY}{witnesses(ONE)}\n[thresholds]\ncosignatures = -1",
    "a key that is none": '[witnesses.a]\nkey = "w.example"',
    "no key": "[witnesses.a]",
    "an unknown field": f'[witnesses.a]\nkey = "{ONE.vkey}"\nurl = "x"',
    "the key of a log": f'[witnesses.a]\nkey = "{own_log.LOG_V2.verifier.vkey}"',
    "one witness twice": witnesses(ONE, ONE),
    "one key under two names": witnesses(ONE, Witness("other.example", 1)),
    "one name with two keys": witnesses(ONE, Witness(ONE.name, 2)),
    "no log that could be cosigned": f"{IDENTITY}{witnesses(ONE)}\n[thresholds]\nlogs = 0\ncosignatures = 1",
    "keys of which no log is asked": f"[keys.a]\n{PEM}\n{witnesses(ONE)}\n[thresholds]\ncosignatures = 1",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_could_be_taken_otherwise_is_refused(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parsed(WRONG[name])
    assert caught.value.exit == 2


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (f'[witness.a]\nkey = "{ONE.vkey}"', "`witnesses`"),
        ("[thresholds]\ncosignature = 1", "`thresholds.cosignatures`"),
        (f'[witnesses.a]\nkey = "{ONE.vkey}"\nkeys = "x"', "`witnesses.a.key`"),
    ],
)
def test_a_misspelt_demand_is_answered_with_the_right_word(text: str, meant: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parsed(text)
    assert meant in caught.value.fix


def test_keyless_signatures_need_their_witnesses_too() -> None:
    with LoopbackSigstore.running() as sim:
        data, root = sign_statement(sim, STATEMENT), json.dumps(sim.trusted_root()).encode()
        issuer, person = sim.oidc.url, sim.oidc.person
    found = parse_trust_file(
        f'version = 1\n[roots.own]\nfile = "root.json"\n[identities.ci]\nidentity = "{person}"\n'
        f'issuer = "{issuer}"\nroot = "own"\n{witnesses(ONE)}\n[thresholds]\ncosignatures = 1\n'.encode(),
        source="t.toml",
        read=lambda _: root,
    )
    trust = Trust.in_anchors(found.anchors)
    document = json.loads(data)
    (entry,) = document["verificationMaterial"]["tlogEntries"]
    checkpoint = entry["inclusionProof"]["checkpoint"]
    note = checkpoint["envelope"]
    text = note.partition("\n\n")[0].encode() + b"\n"
    for lines, enough in (
        (b"", False),
        (STRANGER.line(text), False),
        (forged(text), False),
        (ONE.line(text), True),
    ):
        checkpoint["envelope"] = note + lines.decode()
        bundle = Bundle.parse(json.dumps(document).encode())
        if enough:
            assert trust.verify(bundle).signer.subject == person
            continue
        with pytest.raises(ProofMissingError, match="too few witnesses"):
            trust.verify(bundle)


def test_adding_a_signer_keeps_the_witnesses() -> None:
    text = f"version = 1\n{IDENTITY}{witnesses(ONE)}\n[thresholds]\ncosignatures = 1\n"
    added = with_entry(text, "keys", "a", {"pem": own_log.SIGNER.public.pem.decode()})
    assert len(parse_trust_file(added.encode(), source="t", read=lambda _: b"").witnesses) == 1
