"""A timestamp authority (RFC 3161)."""

import base64
from datetime import timedelta

from asn1crypto import algos, cms, core, tsp, x509  # type: ignore[import-untyped]  # has no types
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.sim.authority import Authority, der
from tests.sim.clock import SimClock
from tests.sim.faults import Faults
from tests.sim.web import Answer, Request

__all__ = ["TimestampAuthority"]

_KIND = "application/timestamp-reply"
_STALE = timedelta(days=30)
_REJECTION = b"\x30\x05\x30\x03\x02\x01\x02"
"""`TimeStampResp` with the status 2 and no token, which asn1crypto cannot write"""


class TimestampAuthority:
    """Says when it saw a digest."""

    def __init__(self, clock: SimClock, faults: Faults) -> None:
        self._clock = clock
        self._faults = faults
        self.root = Authority("loopback TSA root", clock.now())
        self.leaf = Authority("loopback TSA", clock.now(), self.root, timestamping=True)
        self._serial = 0

    def handle(self, request: Request) -> Answer:
        """Answer a `TimeStampReq` posted as DER, or the JSON form of Sigstore's authorities."""
        try:
            digest, algorithm, nonce = _asked(request)
        except (ValueError, TypeError, KeyError):
            return Answer(_REJECTION, 200, _KIND)
        if self._faults.lies("tsa", "rejection"):
            return Answer(_REJECTION, 200, _KIND)
        token = self.token(digest, algorithm, nonce)
        return Answer(_granted(token), 200, _KIND)

    def reply(self, digest: bytes) -> bytes:
        """Return what the service answers for a SHA-256 digest."""
        return _granted(self.token(digest, "sha256", None))

    def token(self, digest: bytes, algorithm: str, nonce: int | None) -> cms.ContentInfo:
        """Return a signed token over a digest."""
        if self._faults.lies("tsa", "wrong imprint"):
            digest = bytes(len(digest))
        if self._faults.lies("tsa", "wrong nonce"):
            nonce = 1
        signer = self.leaf
        if self._faults.lies("tsa", "another authority"):
            root = Authority("elsewhere", self._clock.now())
            signer = Authority("elsewhere TSA", self._clock.now(), root, timestamping=True)
        return _signed(self._info(digest, algorithm, nonce), signer)

    def _info(self, digest: bytes, algorithm: str, nonce: int | None) -> tsp.TSTInfo:
        self._serial += 1
        now = self._clock.now()
        if self._faults.lies("tsa", "stale"):
            now -= _STALE
        info = {
            "version": "v1",
            "policy": "1.3.6.1.4.1.57264.2",
            "message_imprint": {
                "hash_algorithm": {"algorithm": algorithm},
                "hashed_message": digest,
            },
            "serial_number": self._serial,
            "gen_time": now,
            "accuracy": {"seconds": 1},
        }
        if nonce is not None:
            info["nonce"] = nonce
        return tsp.TSTInfo(info)


def _asked(request: Request) -> tuple[bytes, str, int | None]:
    """Return digest, algorithm and nonce of a request."""
    if "json" in request.headers.get("content-type", ""):
        document = request.json()
        return base64.b64decode(str(document["artifactHash"])), str(document["hashAlgorithm"]), None
    asked = tsp.TimeStampReq.load(request.body, strict=True)
    imprint = asked["message_imprint"]
    algorithm = imprint["hash_algorithm"]["algorithm"].native
    return imprint["hashed_message"].native, algorithm, asked["nonce"].native


def _granted(token: cms.ContentInfo) -> bytes:
    reply = tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token})
    encoded: bytes = reply.dump()
    return encoded


def _signed(info: tsp.TSTInfo, signer: Authority) -> cms.ContentInfo:
    """Return the CMS structure around the statement, with the signer's chain inside."""
    content = info.dump()
    certificates = [x509.Certificate.load(der(one)) for one in signer.chain]
    attributes = _attributes(content, der(signer.certificate))
    signature = signer.key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256()))
    signed_by = {
        "version": "v1",
        "sid": cms.SignerIdentifier(
            {
                "issuer_and_serial_number": {
                    "issuer": certificates[0].issuer,
                    "serial_number": certificates[0].serial_number,
                }
            }
        ),
        "digest_algorithm": {"algorithm": "sha256"},
        "signed_attrs": attributes,
        "signature_algorithm": {"algorithm": "sha256_ecdsa"},
        "signature": signature,
    }
    data = {
        "version": "v3",
        "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
        "encap_content_info": {
            "content_type": "tst_info",
            "content": core.ParsableOctetString(content),
        },
        "certificates": certificates,
        "signer_infos": [signed_by],
    }
    return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(data)})


def _attributes(content: bytes, certificate: bytes) -> cms.CMSAttributes:
    reference = tsp.ESSCertIDv2({"cert_hash": _sha256(certificate)})
    return cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
            cms.CMSAttribute({"type": "message_digest", "values": [_sha256(content)]}),
            cms.CMSAttribute(
                {
                    "type": "signing_certificate_v2",
                    "values": [tsp.SigningCertificateV2({"certs": [reference]})],
                }
            ),
        ]
    )


def _sha256(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize()
