"""Exported entries follow the published OCSF schema, whatever their log is called."""

import json

from tests.provenance.events.ocsf_schema import problems
from tests.provenance.ledger.ledger_sim import ClaimVerifierSim, SubmitterSim
from weightmark.provenance.ledger.export.forms import form_of
from weightmark.provenance.ledger.log import Ledger


def test_every_kind_of_entry_is_a_valid_event(ledger: Ledger, alice: SubmitterSim) -> None:
    kinds = ("release", "scan", "revoke", "decision", "deploy", "approve")
    ledger.append([alice.submit(one, one) for one in kinds], ClaimVerifierSim())
    lines = b"".join(form_of("ocsf", ledger).render(ledger.entries())).splitlines()
    assert len(lines) == 7
    for line in lines:
        assert problems(json.loads(line)) == []
