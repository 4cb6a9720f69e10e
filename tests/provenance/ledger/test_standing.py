"""What a copy is for: written down strictly, and a copy that is not the live one signs nothing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.provenance.ledger.ledger_sim import ClaimVerifierSim, SubmitterSim
from weightmark.errors import LedgerNotLiveError, MalformedError, WeightmarkError
from weightmark.provenance.ledger.audit import MAX_PROBLEMS
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.standing import LIVE, Role, Standing

JUDGE = ClaimVerifierSim()


@given(st.sampled_from(Role), st.text(alphabet="abc/:", max_size=20), st.text(max_size=9))
def test_a_standing_is_read_as_it_was_written(role: Role, detail: str, vkey: str) -> None:
    standing = Standing(role, detail, vkey)
    assert Standing.parse(standing.to_bytes()) == standing


@given(st.binary(max_size=60))
def test_anything_else_is_no_standing(data: bytes) -> None:
    with pytest.raises(WeightmarkError):
        Standing.parse(data)


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.LIVE])
def test_only_the_live_copy_signs(ledger: Ledger, alice: SubmitterSim, role: Role) -> None:
    ledger.home.set_standing(Standing(role))
    with pytest.raises(LedgerNotLiveError, match="the ledger at"):
        ledger.append([alice.submit("a")], JUDGE)
    assert ledger.verify(JUDGE).problems == ()
    ledger.home.set_standing(LIVE)
    assert ledger.append([alice.submit("a")], JUDGE)[0].index == 1


def test_a_standing_that_cannot_be_read_is_not_taken_for_live(
    ledger: Ledger, alice: SubmitterSim
) -> None:
    (ledger.path / "standing.json").write_text('{"role":"live"}')
    with pytest.raises(MalformedError, match="standing"):
        ledger.append([alice.submit("a")], JUDGE)
    assert ledger.refresh().size == 1


def test_an_audit_lists_a_bounded_number_of_problems(
    ledger: Ledger, alice: SubmitterSim, tmp_path: Path
) -> None:
    ledger.append([alice.submit(str(number)) for number in range(MAX_PROBLEMS // 2 + 20)], JUDGE)
    for path in (ledger.path / "claims").iterdir():
        path.unlink()
    audit = ledger.verify()
    assert len(audit.problems) == MAX_PROBLEMS + 1
    assert "not listed" in audit.problems[-1].what
