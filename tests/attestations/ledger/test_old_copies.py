"""A copy that is not the live ledger knows nothing of what was revoked since, and says so."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attestations.gate_makers import KEY, make_signed, preset
from tests.attestations.gate_makers import SIGNER as PUBLISHER
from tests.attestations.gate_makers import STRANGER as WATCHER
from tests.attestations.ledger.makers import admitted, make_ledger
from weightmark.attestations.api import verify
from weightmark.attestations.gate.decision import Verdict
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.ledger.consulting import consult
from weightmark.attestations.ledger.revoking import revoke
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.errors import Exit
from weightmark.provenance.ledger.home.folder import FolderHome
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.standing import Role, Standing


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_ledger(tmp_path / "register", [admitted(PUBLISHER), admitted(WATCHER)]).close()
    return tmp_path / "register"


def leave_behind(place: Path, role: Role) -> None:
    FolderHome(place).set_standing(Standing(role, "elsewhere"))


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.LIVE])
def test_a_copy_that_knows_to_be_old_calls_nothing_clean(
    tmp_path: Path, place: Path, role: Role
) -> None:
    model = make_signed(tmp_path / "model")
    assert verify(model, key=KEY.public, ledger=place).exit is Exit.GOOD
    leave_behind(place, role)
    report = verify(model, key=KEY.public, ledger=place)
    assert report.exit is Exit.UNCHECKED
    assert report.verified is None
    assert any("not the live one" in one.summary for one in report.checks)
    decision = gate(model, preset("baseline"), Sources(ledger=str(place)))
    assert decision.verdict is Verdict.UNCHECKED


def test_what_an_old_copy_revokes_is_revoked(tmp_path: Path, place: Path) -> None:
    model = make_signed(tmp_path / "model")
    identity = verify(model, key=KEY.public).identity
    with Ledger.open(place) as ledger:
        revoke(ledger, WATCHER, RevocationSubject(identity), "poisoned")
    leave_behind(place, Role.MOVED)
    assert verify(model, key=KEY.public, ledger=place).exit is Exit.BAD
    decision = gate(model, preset("baseline"), Sources(ledger=str(place)))
    assert decision.verdict is Verdict.DENY


def test_where_it_went_is_told(place: Path) -> None:
    leave_behind(place, Role.MOVED)
    problem = consult(str(place)).problem
    assert problem is not None
    assert "elsewhere" in problem.why


def test_a_copy_that_nobody_marked_is_taken_for_the_live_one(tmp_path: Path, place: Path) -> None:
    """Only witnesses, or a memory of the log, tell that from an old state."""
    shutil.copytree(place, tmp_path / "copy")
    assert consult(str(tmp_path / "copy")).problem is None


def test_a_copy_that_is_not_the_live_one_is_not_served(place: Path) -> None:
    """Its readers could not tell: a service says nothing of its standing."""
    leave_behind(place, Role.MOVED)
    command = ["-m", "weightmark", "ledger", "serve", "--read-only", "--port", "0", "--isolated"]
    done = subprocess.run(
        [sys.executable, *command, "--ledger", str(place)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert done.returncode == Exit.UNCHECKED
    assert "has moved" in done.stderr
