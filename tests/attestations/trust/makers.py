"""Bundles by keys and certificates, with timestamps by a loopback authority."""

import hashlib
import json
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.attestations.forge import oms_statement
from tests.attestations.signers.parties import Chain
from tests.sim.clock import SimClock
from tests.sim.faults import Faults
from tests.sim.tsa import TimestampAuthority
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.dsse import (
    IN_TOTO_PAYLOAD_TYPE,
    Envelope,
    pre_authentication_encoding,
)
from weightmark.attestations.bundles.material import CertificateChain, KeyHint, Material
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.sigstore.timestamps import authorities_from_pem
from weightmark.attestations.trust.clocks import Clocks

PAYLOAD = json.dumps(oms_statement()).encode()


class Stamps:
    """A timestamp authority whose clock can be set."""

    def __init__(self) -> None:
        self.clock = SimClock()
        self.authority = TimestampAuthority(self.clock, Faults())

    def over(self, signature: bytes, at: datetime | None = None) -> bytes:
        """Return a timestamp over `signature`, of `at` or of now."""
        if at is not None:
            self.clock.offset = timedelta()
            self.clock.shift(at - self.clock.now())
        return self.authority.reply(hashlib.sha256(signature).digest())

    @property
    def pem(self) -> bytes:
        return b"".join(one.public_bytes(Encoding.PEM) for one in self.authority.leaf.chain)

    def clocks(self, timestamps: int = 0) -> Clocks:
        return Clocks(authorities_from_pem(self.pem, what="it"), timestamps=timestamps)


def signed(key: PrivateKey, material: Material | None = None) -> Bundle:
    """Return a bundle by `key`, signed as a bare key unless the material says otherwise."""
    signature = key.sign(pre_authentication_encoding(IN_TOTO_PAYLOAD_TYPE, PAYLOAD))
    envelope = Envelope(IN_TOTO_PAYLOAD_TYPE, PAYLOAD, signature)
    return Bundle(material or KeyHint(key.public.hint), envelope)


def certified(key: PrivateKey, leaf: x509.Certificate, *others: x509.Certificate) -> Bundle:
    """Return a bundle by `key` that carries its certificate and whatever stands above it."""
    chain = tuple(one.public_bytes(Encoding.DER) for one in (leaf, *others))
    return signed(key, CertificateChain(chain, single=False))


def by_chain(chain: Chain, key: PrivateKey, leaf: x509.Certificate) -> Bundle:
    return certified(key, leaf, chain.middle)
