"""The certificate rows of the table in docs/formats/oms.md: whose certificate, for what, and when.

The reference verifier 1.1.1 accepts every one of these, because it looks at the chain alone, at the
first moment of the leaf, and falls back to the web's authorities.
"""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID as Use
from cryptography.x509.oid import NameOID

from tests.attestations.forge import Json, bundle, make_tree, oms_statement, put, said
from tests.sim.authority import der
from tests.sim.clock import SimClock
from tests.sim.faults import Faults
from tests.sim.tsa import TimestampAuthority
from weightmark.attestations.bundles.dsse import (
    IN_TOTO_PAYLOAD_TYPE,
    pre_authentication_encoding,
)
from weightmark.attestations.bundles.legacy_encoding import legacy_encoding
from weightmark.attestations.sigstore.timestamps import authorities_from_pem
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.certificates import CertificateAnchor, CertificateRule
from weightmark.attestations.trust.clocks import NO_CLOCKS, Clocks
from weightmark.attestations.verifying.verification import VerifyOptions, examine
from weightmark.errors import CallError, Exit

NOW = datetime.now(UTC).replace(microsecond=0)
YEAR = timedelta(days=365)

_USES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def usage(*uses: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{use: use in uses for use in _USES})


SIGNING = usage("digital_signature")
ENCIPHERING = usage("key_encipherment")
CODE = x509.ExtendedKeyUsage([Use.CODE_SIGNING])
ANYBODY = CertificateRule.parse(anybody=True)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass
class Ca:
    """A root that issues whatever a test asks for."""

    subject: str = "root-ca"
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    ends: datetime = NOW + 10 * YEAR

    def issue(
        self,
        subject: str,
        key: Any,
        *uses: x509.ExtensionType,
        begins: datetime = NOW - YEAR,
        ends: datetime = NOW + YEAR,
        ca: bool = False,
    ) -> x509.Certificate:
        """Issue a certificate for `key` with these extensions."""
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(self.subject))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(own, critical=False)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )
        for use in uses:
            builder = builder.add_extension(use, critical=isinstance(use, x509.KeyUsage))
        return builder.sign(self.key, SHA256())

    @property
    def certificate(self) -> x509.Certificate:
        """The root itself."""
        uses = usage("key_cert_sign", "crl_sign")
        begins = min(NOW, self.ends) - 10 * YEAR
        return self.issue(self.subject, self.key, uses, begins=begins, ends=self.ends, ca=True)


def signed(
    tree: Path,
    ca: Ca,
    *uses: x509.ExtensionType,
    subject: str = "release",
    curve: ec.EllipticCurve | None = None,
    statement: Json | None = None,
    **life: Any,
) -> Path:
    """Put a `model.sig` by a leaf of `ca` into a tree."""
    key = ec.generate_private_key(curve or ec.SECP256R1())
    leaf = ca.issue(subject, key, *uses, **life)
    document = bundle(statement or oms_statement())
    payload = base64.b64decode(document["dsseEnvelope"]["payload"])
    encoded = pre_authentication_encoding(IN_TOTO_PAYLOAD_TYPE, payload)
    if statement and "Digests" in statement["predicateType"]:
        encoded = legacy_encoding(IN_TOTO_PAYLOAD_TYPE, payload)
    signature = key.sign(encoded, ec.ECDSA(SHA256()))
    document["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    raw = base64.b64encode(leaf.public_bytes(Encoding.DER)).decode()
    document["verificationMaterial"] = {
        "x509CertificateChain": {"certificates": [{"rawBytes": raw}]},
        "tlogEntries": [],
    }
    return put(make_tree(tree), document)


def outcome(
    tree: Path,
    ca: Ca,
    rule: CertificateRule = ANYBODY,
    clocks: Clocks = NO_CLOCKS,
    **options: Any,
) -> tuple[Exit, set[str]]:
    """Return the verdict for whoever trusts `ca`, and the reasons."""
    trust = Trust.in_anchors([CertificateAnchor((ca.certificate,), rule, clocks=clocks)])
    report = examine(tree, trust, options=VerifyOptions(**options)).report
    assert (report.verified is not None) == (report.exit is Exit.GOOD)
    bad = [check for check in report.checks if check.outcome not in ("pass", "info")]
    assert all(check.code for check in bad), said(report)
    return report.exit, {check.code for check in bad}


@pytest.mark.parametrize("uses", [(SIGNING,), (CODE,), (SIGNING, CODE)])
def test_an_honest_certificate_verifies(tmp_path: Path, uses: tuple[Any, ...]) -> None:
    ca = Ca()
    assert outcome(signed(tmp_path / "m", ca, *uses), ca) == (Exit.GOOD, set())


def test_15_a_certificate_that_ended_long_ago_proves_nothing_now(tmp_path: Path) -> None:
    ca = Ca()
    tree = signed(tmp_path / "m", ca, CODE, begins=NOW - 9 * YEAR, ends=NOW - 8 * YEAR)
    assert outcome(tree, ca) == (Exit.UNCHECKED, {"expired"})


def test_15_a_certificate_that_is_not_valid_yet_is_refused(tmp_path: Path) -> None:
    ca = Ca()
    tree = signed(tmp_path / "m", ca, CODE, begins=NOW + YEAR, ends=NOW + 2 * YEAR)
    assert outcome(tree, ca) == (Exit.BAD, {"certificate-refused"})


def test_15_a_chain_of_which_the_root_ended_proves_nothing_now(tmp_path: Path) -> None:
    ca = Ca(ends=NOW - YEAR)
    tree = signed(tmp_path / "m", ca, CODE, begins=NOW - 3 * YEAR)
    assert outcome(tree, ca) == (Exit.UNCHECKED, {"expired"})


@pytest.mark.parametrize(
    "uses",
    [
        (),
        (SIGNING, x509.ExtendedKeyUsage([Use.SERVER_AUTH])),
        (SIGNING, x509.ExtendedKeyUsage([Use.EMAIL_PROTECTION])),
        (x509.ExtendedKeyUsage([Use.TIME_STAMPING]),),
        (ENCIPHERING, CODE),
        (usage("key_cert_sign"), CODE),
    ],
)
def test_16_a_certificate_for_another_use_is_refused(tmp_path: Path, uses: tuple[Any, ...]) -> None:
    ca = Ca()
    assert outcome(signed(tmp_path / "m", ca, *uses), ca) == (Exit.BAD, {"certificate-refused"})


def test_17_another_holder_under_the_same_authority_is_not_whom_you_trust(
    tmp_path: Path,
) -> None:
    ca = Ca()
    wanted = CertificateRule.parse(subject="CN=release")
    assert outcome(signed(tmp_path / "a", ca, CODE), ca, wanted)[0] is Exit.GOOD
    other = signed(tmp_path / "b", ca, CODE, subject="intern")
    assert outcome(other, ca, wanted) == (Exit.BAD, {"wrong-signer"})
    with pytest.raises(CallError):
        CertificateRule.parse()


def test_18_no_authority_counts_that_was_not_named(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m", Ca(), CODE)
    lookalike = Ca()
    assert outcome(tree, lookalike) == (Exit.BAD, {"wrong-signer"})


@pytest.mark.parametrize("curve", [ec.SECP256K1(), ec.SECP224R1(), ec.BrainpoolP256R1()])
def test_19_a_key_on_another_curve_is_refused(tmp_path: Path, curve: ec.EllipticCurve) -> None:
    ca = Ca()
    code, reasons = outcome(signed(tmp_path / "m", ca, CODE, curve=curve), ca)
    assert code in (Exit.BAD, Exit.UNCHECKED)
    assert reasons <= {"certificate-refused", "wrong-signer", "unsupported"}


def stamped(tree: Path, authority: TimestampAuthority) -> Path:
    """Add a timestamp over the signature."""
    document = json.loads((tree / "model.sig").read_bytes())
    signature = base64.b64decode(document["dsseEnvelope"]["signatures"][0]["sig"])
    token = base64.b64encode(authority.reply(hashlib.sha256(signature).digest())).decode()
    stamps = {"rfc3161Timestamps": [{"signedTimestamp": token}]}
    document["verificationMaterial"]["timestampVerificationData"] = stamps
    return put(tree, document)


def clocks(authority: TimestampAuthority) -> Clocks:
    chain = b"".join(
        x509.load_der_x509_certificate(der(one)).public_bytes(Encoding.PEM)
        for one in authority.leaf.chain
    )
    return Clocks(authorities_from_pem(chain, what="the authority"))


def test_21_the_time_of_an_authority_that_nobody_named_counts_for_nothing(tmp_path: Path) -> None:
    clock = SimClock()
    clock.shift(-2 * YEAR)
    rogue, named = TimestampAuthority(clock, Faults()), TimestampAuthority(clock, Faults())
    ca = Ca()
    tree = signed(tmp_path / "m", ca, CODE, begins=NOW - 3 * YEAR, ends=NOW - YEAR)
    assert outcome(tree, ca) == (Exit.UNCHECKED, {"expired"})
    stamped(tree, rogue)
    assert outcome(tree, ca) == (Exit.UNCHECKED, {"expired"})
    assert outcome(tree, ca, clocks=clocks(named)) == (Exit.UNCHECKED, {"expired"})
    assert outcome(tree, ca, clocks=clocks(rogue)) == (Exit.GOOD, set())


def test_21_a_timestamp_over_another_signature_is_refused(tmp_path: Path) -> None:
    clock = SimClock()
    clock.shift(-2 * YEAR)
    authority = TimestampAuthority(clock, Faults())
    ca = Ca()
    old = stamped(signed(tmp_path / "a", ca, CODE), authority)
    tree = signed(tmp_path / "b", ca, CODE, begins=NOW - 3 * YEAR, ends=NOW - YEAR)
    document = json.loads((tree / "model.sig").read_bytes())
    other = json.loads((old / "model.sig").read_bytes())["verificationMaterial"]
    document["verificationMaterial"]["timestampVerificationData"] = other[
        "timestampVerificationData"
    ]
    code, reasons = outcome(put(tree, document), ca, clocks=clocks(authority))
    assert code is Exit.BAD
    assert reasons == {"proof-refused"}


def digests_of_2024(**files: bytes) -> Json:
    subjects = [
        {"name": path, "digest": {"sha256": hashlib.sha256(content).hexdigest()}}
        for path, content in files.items()
    ]
    kind = "https://model_signing/Digests/v0.1"
    return {**oms_statement(predicate_type=kind), "subject": subjects, "predicate": {"unused": ""}}


def test_11_the_encoding_of_2024_counts_only_when_it_is_asked_for(tmp_path: Path) -> None:
    ca = Ca()
    place = tmp_path / "m"
    content = {"a": b"1"}
    tree = signed(place, ca, CODE, statement=digests_of_2024(**content))
    for extra in [path for path in place.rglob("*") if path.is_file() and path.name != "model.sig"]:
        extra.unlink()
    make_tree(tree, content)
    assert outcome(tree, ca) == (Exit.UNCHECKED, {"unsupported"})
    assert outcome(tree, ca, allow_legacy=True) == (Exit.GOOD, set())
    make_tree(tree, {"a": b"2"})
    assert outcome(tree, ca, allow_legacy=True) == (Exit.BAD, {"tampered"})


def test_11_no_later_statement_may_be_signed_by_the_encoding_of_2024(tmp_path: Path) -> None:
    ca = Ca()
    key = ec.generate_private_key(ec.SECP256R1())
    tree = signed(tmp_path / "m", ca, CODE)
    document = json.loads((tree / "model.sig").read_bytes())
    payload = base64.b64decode(document["dsseEnvelope"]["payload"])
    weak = key.sign(legacy_encoding(IN_TOTO_PAYLOAD_TYPE, payload), ec.ECDSA(SHA256()))
    document["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(weak).decode()
    leaf = ca.issue("release", key, CODE).public_bytes(Encoding.DER)
    chain = document["verificationMaterial"]["x509CertificateChain"]
    chain["certificates"][0]["rawBytes"] = base64.b64encode(leaf).decode()
    assert outcome(put(tree, document), ca, allow_legacy=True) == (Exit.BAD, {"tampered"})
