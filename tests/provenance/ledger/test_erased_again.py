"""What was erased and is there again, by a crash or out of a copy, is neither served nor called sound."""

import io
import tarfile
from pathlib import Path

from tests.provenance.ledger.ledger_sim import ClaimVerifierSim, SubmitterSim
from weightmark.errors import Exit
from weightmark.provenance.ledger.administration import redact
from weightmark.provenance.ledger.blobs import BlobState
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.export.forms import form_of
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.service.reading import size_of_claim

JUDGE = ClaimVerifierSim()


def haunted(ledger: Ledger, alice: SubmitterSim) -> str:
    """Redact a claim, and put it back; returns its digest."""
    (receipt,) = ledger.append([alice.submit("secret")], JUDGE)
    digest = receipt.event.claim_sha256
    data = ledger.home.blobs.get(digest)
    redact(ledger, f"sha256:{digest}", "asked for")
    ledger.home.blobs.put_all({digest: data})
    return digest


def test_it_is_not_served(ledger: Ledger, alice: SubmitterSim) -> None:
    digest = haunted(ledger, alice)
    assert size_of_claim(ledger, digest) is None
    assert size_of_claim(ledger, ledger.entry(0).event.claim_sha256) is not None


def test_it_is_not_exported(ledger: Ledger, alice: SubmitterSim) -> None:
    digest = haunted(ledger, alice)
    pieces = b"".join(form_of("bundle", ledger).render(ledger.entries()))
    with tarfile.open(fileobj=io.BytesIO(pieces)) as archive:
        names = archive.getnames()
    assert f"claims/{digest}" not in names
    assert f"claims/{ledger.entry(0).event.claim_sha256}" in names


def test_an_audit_names_it(ledger: Ledger, alice: SubmitterSim) -> None:
    digest = haunted(ledger, alice)
    (problem,) = ledger.verify(JUDGE).problems
    assert (problem.where, problem.exit) == (f"claims/{digest[:12]}…", Exit.BAD)
    assert digest in problem.what
    assert ledger.verify(JUDGE, blobs=False).problems == ()


def test_the_next_append_erases_it_again(
    ledger: Ledger, alice: SubmitterSim, memory: CheckpointMemory, tmp_path: Path
) -> None:
    digest = haunted(ledger, alice)
    with Ledger.open(ledger.path, memory=memory) as anew:
        anew.append([alice.submit("next")], JUDGE, now=ledger.now())
        assert anew.home.blobs.state(digest) is BlobState.MISSING
        assert anew.verify(JUDGE).problems == ()
