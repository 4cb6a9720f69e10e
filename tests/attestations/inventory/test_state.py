"""The state file of an inventory: what changed is read again, what is torn counts for nothing."""

import json
import time
from pathlib import Path

import pytest

from tests.attestations.inventory.caches import EVIL, HONEST, put
from weightmark.attestations.inventory.inventory import Inventory, take_inventory
from weightmark.attestations.inventory.state import State, fingerprint
from weightmark.errors import CallError, ReadError

LATER = 3_000_000_000


def settled() -> None:
    """Wait until a change of now can be told from one of later."""
    time.sleep(2.05)


def inventory(root: Path, state: Path, rules: str = "r") -> Inventory:
    with State.open(state, rules=rules) as one:
        return take_inventory(root, state=one)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        put(tmp_path / "models" / name / "m.pkl", HONEST)
    settled()
    return tmp_path / "models"


def test_what_did_not_change_is_not_read_again_and_the_answer_is_the_same(models: Path) -> None:
    state = models.parent / "state"
    first, second = (inventory(models, state) for _ in range(2))
    assert [one.remembered for one in first.artifacts] == [False, False]
    assert [one.remembered for one in second.artifacts] == [True, True]
    assert [one.record for one in first.artifacts] == [one.record for one in second.artifacts]
    put(models / "b" / "m.pkl", EVIL)
    third = inventory(models, state)
    assert [(one.remembered, one.record.risk) for one in third.artifacts] == [
        (True, "none"),
        (False, "critical"),
    ]
    other = inventory(models, state, rules="newer rules")
    assert not any(one.remembered for one in other.artifacts)


def test_a_torn_or_strange_line_counts_for_nothing(models: Path) -> None:
    state = models.parent / "state"
    inventory(models, state)
    head, first, second = state.read_bytes().splitlines(keepends=True)
    strange = json.loads(first)
    strange["record"]["risk"] = None
    state.write_bytes(head + json.dumps(strange).encode() + b"\n" + b"{}\nwords\n" + second[:-40])
    found = inventory(models, state)
    assert not any(one.remembered for one in found.artifacts)
    assert all(one.remembered for one in inventory(models, state).artifacts)


def test_a_line_that_calls_clean_what_was_not_read_counts_for_nothing(tmp_path: Path) -> None:
    put(tmp_path / "models" / "cut" / "m.gguf", b"GGUF" + bytes(20))
    settled()
    state = tmp_path / "state"
    inventory(tmp_path / "models", state)
    assert b'"risk": "unknown"' in state.read_bytes()
    state.write_bytes(state.read_bytes().replace(b'"risk": "unknown"', b'"risk": "none"'))
    (again,) = inventory(tmp_path / "models", state).artifacts
    assert (again.remembered, again.record.risk) == (False, "unknown")


def test_what_changed_a_moment_ago_has_no_fingerprint(tmp_path: Path) -> None:
    path = put(tmp_path / "m.pkl", HONEST)
    assert fingerprint(str(path)) == ""
    later = path.stat().st_ctime_ns + LATER
    before = fingerprint(str(path), now_ns=later)
    assert before == fingerprint(str(path), now_ns=later) != ""
    put(tmp_path / "m.pkl.sig", b"{}")
    assert fingerprint(str(path), now_ns=path.stat().st_ctime_ns + 2 * LATER) != before


def test_a_state_file_of_others_or_in_use_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with State.open(state, rules="r"), pytest.raises(CallError, match="in use"):
        State.open(state, rules="r")
    state.chmod(0o666)
    with pytest.raises(CallError, match="yours alone"):
        State.open(state, rules="r")
    other = put(tmp_path / "other", b"something else\n")
    with pytest.raises(CallError, match="no state file"):
        State.open(other, rules="r")
    assert other.read_bytes() == b"something else\n"
    (tmp_path / "link").symlink_to(other)
    with pytest.raises(ReadError):
        State.open(tmp_path / "link", rules="r")
