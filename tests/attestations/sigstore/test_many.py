"""Many bundles: each gets its own verdict, in order, also from other processes."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from weightmark.attestations.sigstore.many import verify_certificate_bundles
from weightmark.attestations.sigstore.trusted_root import TrustedRoot
from weightmark.attestations.sigstore.verifier import SigstoreProof
from weightmark.errors import MalformedError, TamperedError

pytestmark = pytest.mark.needs("vectors")
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(("count", "jobs"), [(6, None), (66, 2), (66, 1), (0, 2)])
def test_every_bundle_gets_its_verdict_in_order(
    vectors: Path, count: int, jobs: int | None
) -> None:
    good = (vectors / "model-transparency" / "v1.1.0-sigstore" / "model.sig").read_bytes()
    forged = json.loads(good)
    forged["dsseEnvelope"]["payload"] = "e30="
    three = (good, json.dumps(forged).encode(), b"{}")
    bundles = [three[number % 3] for number in range(count)]
    found = list(verify_certificate_bundles(bundles, TrustedRoot.public_good(), now=NOW, jobs=jobs))
    kinds = (SigstoreProof, TamperedError, MalformedError)
    assert [type(one) for one in found] == [kinds[number % 3] for number in range(count)]
    for one in found[:1]:
        assert isinstance(one, SigstoreProof)
        assert one.identity.subject == "stefanb@us.ibm.com"
    for error in found[1:2]:
        assert isinstance(error, TamperedError)
        assert error.why


def test_a_proof_can_not_be_made_by_hand(vectors: Path) -> None:
    good = (vectors / "model-transparency" / "v1.1.0-sigstore" / "model.sig").read_bytes()
    (proof,) = verify_certificate_bundles([good], TrustedRoot.public_good(), now=NOW)
    assert isinstance(proof, SigstoreProof)
    with pytest.raises(TypeError):
        SigstoreProof(proof.identity, proof.certificate, proof.times, (), (), object())
