"""Watching a ledger: each rule says its thing once, and a rollback is never quiet."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    CAROL,
    ORIGIN,
    PersonSim,
    admitted,
    enter,
    identity_of,
    make_ledger,
    release,
    roots_of,
    state,
)
from tests.sim.loopback import LoopbackSigstore
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.monitor.interface import Alert, Known, Watch
from weightmark.attestations.ledger.monitor.rules import RULES
from weightmark.attestations.ledger.monitor.watching import MonitorState, watch
from weightmark.attestations.predicates.compact_manifest import CompactManifest
from weightmark.attestations.predicates.dataset import DATASET_PREDICATE
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE
from weightmark.attestations.predicates.oms import OmsClaim
from weightmark.attestations.predicates.scan import SCAN_PREDICATE, ScanClaim
from weightmark.errors import LimitError, MalformedError
from weightmark.provenance.ledger.administration import redact
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger

QUIET = Watch(usual_kinds=frozenset(), burst=10_000)
LATER = datetime.now(UTC) + timedelta(days=1)


class Monitor:
    """Watches a ledger round by round, through the bytes of its state file."""

    def __init__(self, ledger: Ledger, wanted: Watch = QUIET) -> None:
        self.ledger = ledger
        self.wanted = wanted
        self.file = MonitorState().to_bytes()

    def look(self, now: datetime = LATER) -> list[Alert]:
        after, alerts = watch(self.ledger, self.wanted, MonitorState.parse(self.file), now)
        self.file = after.to_bytes()
        return list(alerts)


def rules(alerts: list[Alert]) -> list[str]:
    return [one.rule for one in alerts]


def test_every_rule_has_a_name_a_title_and_a_way_out() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(
        rule.title and rule.help and rule.severity in {"low", "medium", "high"} for rule in RULES
    )


def test_each_entry_is_looked_at_once(ledger: Ledger) -> None:
    monitor = Monitor(
        ledger, Watch(subjects=frozenset({identity_of("a")}), usual_kinds=frozenset())
    )
    enter(ledger, ALICE, release(ALICE, "a"))
    assert rules(monitor.look()) == ["watched"]
    assert monitor.look() == []
    enter(ledger, BOB, release(BOB, "a"))
    assert rules(monitor.look()) == ["watched", "new-signer"]


def test_own_signers_are_watched(ledger: Ledger) -> None:
    monitor = Monitor(
        ledger, Watch(signers=frozenset({BOB.identity.name}), usual_kinds=frozenset())
    )
    enter(ledger, ALICE, release(ALICE, "a"))
    assert monitor.look() == []
    enter(ledger, BOB, release(BOB, "b"))
    (alert,) = monitor.look()
    assert BOB.identity.name in alert.summary


def test_a_new_signer_of_a_known_model_is_named_with_the_old_one(ledger: Ledger) -> None:
    monitor = Monitor(ledger)
    enter(ledger, ALICE, release(ALICE, "a", title="bert"))
    assert monitor.look() == []
    enter(ledger, ALICE, release(ALICE, "b", title="bert"))
    assert monitor.look() == [], "the same signer"
    enter(ledger, CAROL, release(CAROL, "c", title="bert"))
    (alert,) = monitor.look()
    assert alert.rule == "new-signer"
    assert CAROL.identity.name in alert.summary
    assert ALICE.identity.name in alert.summary


def test_the_same_name_by_another_issuer_is_told(tmp_path: Path, sim: LoopbackSigstore) -> None:
    """Whoever runs an identity provider can issue any name."""
    with LoopbackSigstore.running() as other:
        people = [PersonSim(sim), PersonSim(other)]
        parties = [admitted(ALICE), *(one.admitted() for one in people)]
        roots = {**roots_of(sim), **roots_of(other)}
        with make_ledger(tmp_path / "two", parties, roots=roots) as made:
            monitor = Monitor(made)
            enter(made, ALICE, release(people[0], "a", title="bert"))
            assert monitor.look() == []
            enter(made, ALICE, release(people[1], "b", title="bert"))
            (alert,) = monitor.look()
    assert alert.rule == "new-signer"
    assert f"the new issuer `{other.oidc.url}`" in alert.summary


def test_a_fall_from_safetensors_to_pickle_is_told(ledger: Ledger) -> None:
    monitor = Monitor(ledger)
    enter(ledger, ALICE, release(ALICE, "a", "model.safetensors", "config.json", title="bert"))
    enter(ledger, ALICE, release(ALICE, "b", "pytorch_model.BIN", "config.json", title="bert"))
    assert rules(monitor.look()) == ["weaker-format"]
    enter(ledger, ALICE, release(ALICE, "c", "model.bin", title="bert"))
    enter(ledger, ALICE, release(ALICE, "d", "model.bin", title="other"))
    assert monitor.look() == [], "it fell once; and what never was better did not fall"


def test_a_pickle_beside_the_safetensors_is_a_fall_too(ledger: Ledger) -> None:
    monitor = Monitor(ledger)
    enter(ledger, ALICE, release(ALICE, "a", "model.safetensors", "x.json", title="bert"))
    enter(ledger, ALICE, release(ALICE, "b", "model.safetensors", "optimizer.pt", title="bert"))
    assert rules(monitor.look()) == ["weaker-format"]


def model_signature(title: str, *paths: str) -> Bundle:
    """An OMS claim, as `model.sig` holds it: it names files, and says nothing of their sizes."""
    files = {path: sha256(f"{title} {path}".encode()).hexdigest() for path in paths}
    claim = OmsClaim.of_files(files, allow_symlinks=False, ignore_paths=())
    return ALICE.sign_statement(claim.to_statement(title))


def test_a_fall_to_pickle_is_told_of_a_model_signature_as_well(ledger: Ledger) -> None:
    monitor = Monitor(ledger)
    enter(ledger, ALICE, release(ALICE, "a", "model.safetensors", title="bert", size=100))
    enter(ledger, ALICE, model_signature("bert", "model.bin", "config.json"))
    assert rules(monitor.look()) == ["weaker-format"]
    enter(ledger, ALICE, model_signature("bert", "model.safetensors"))
    enter(ledger, ALICE, release(ALICE, "b", "model.pt", title="bert", size=200))
    assert rules(monitor.look()) == ["weaker-format", "size-doubled"]


def test_a_release_whose_files_stand_elsewhere_is_not_passed_over(ledger: Ledger) -> None:
    monitor = Monitor(ledger)
    enter(ledger, ALICE, release(ALICE, "a", "model.safetensors", title="bert"))
    assert monitor.look() == []
    many = CompactManifest(identity_of("b"), 50_000, "sha256:" + "ab" * 32, links=False)
    (index,) = enter(
        ledger, ALICE, state(ALICE, many.identity, MANIFEST_PREDICATE, many.to_predicate(), "bert")
    )
    (alert,) = monitor.look()
    assert (alert.rule, alert.index, alert.subject) == ("unlisted", index, many.identity)
    enter(ledger, ALICE, release(ALICE, "c", "model.bin", title="bert"))
    assert rules(monitor.look()) == ["weaker-format"], "what was known of it is not forgotten"


def test_a_size_that_doubled_is_told(ledger: Ledger) -> None:
    monitor = Monitor(ledger)
    for name, size in (("a", 100), ("b", 199), ("c", 398), ("d", 10)):
        enter(ledger, ALICE, release(ALICE, name, title="bert", size=size))
    (alert,) = monitor.look()
    assert (alert.rule, alert.index) == ("size-doubled", 3)


def test_a_licence_that_changed_is_told(ledger: Ledger) -> None:
    monitor = Monitor(ledger)
    for number, terms in enumerate(("MIT", "MIT", "proprietary")):
        claim = state(
            ALICE, identity_of(str(number)), DATASET_PREDICATE, {"license": terms}, "data"
        )
        enter(ledger, ALICE, claim)
    (alert,) = monitor.look()
    assert alert.rule == "licence-changed"
    assert "proprietary" in alert.summary


def test_a_release_whose_scan_was_entered_before_it_is_complete(ledger: Ledger) -> None:
    """The natural order of a pipeline, also when the monitor looks in between."""
    monitor = Monitor(ledger, Watch(patience=600))
    scanned = ScanClaim("weightmark", "sha256:" + "0" * 64, "clean", "high", ()).to_predicate()
    enter(ledger, ALICE, state(ALICE, identity_of("b"), SCAN_PREDICATE, scanned))
    assert monitor.look(LATER) == []
    enter(ledger, ALICE, release(ALICE, "b"), release(ALICE, "a"))
    (alert,) = monitor.look(LATER)
    assert alert.subject == identity_of("a")


def test_a_release_without_its_scan_is_told_when_it_waited_long_enough(ledger: Ledger) -> None:
    monitor = Monitor(ledger, Watch(patience=600))
    enter(ledger, ALICE, release(ALICE, "a"), release(ALICE, "b"))
    scanned = ScanClaim("weightmark", "sha256:" + "0" * 64, "clean", "high", ()).to_predicate()
    enter(ledger, ALICE, state(ALICE, identity_of("b"), SCAN_PREDICATE, scanned))
    assert monitor.look(datetime.now(UTC)) == []
    (alert,) = monitor.look(LATER)
    assert (alert.rule, alert.subject) == ("missing-kinds", identity_of("a"))
    assert monitor.look(LATER) == []


def test_a_burst_is_told_once(ledger: Ledger) -> None:
    monitor = Monitor(ledger, Watch(usual_kinds=frozenset(), burst=5))
    enter(ledger, ALICE, *(release(ALICE, f"m{n}") for n in range(12)))
    alerts = monitor.look()
    assert rules(alerts) in (["burst"], ["burst", "burst"]), "a minute may end in between"


def test_a_rollback_is_told_even_to_somebody_without_a_memory(
    ledger: Ledger, tmp_path: Path
) -> None:
    """The state file alone remembers: the monitor may run on a new machine."""
    ledger.close()
    shutil.copytree(ledger.path, tmp_path / "old")
    with Ledger.open(ledger.path) as grown:
        enter(grown, ALICE, release(ALICE, "a"))
        monitor = Monitor(grown)
        monitor.look()
    with Ledger.open(tmp_path / "old", memory=CheckpointMemory(tmp_path / "new")) as old:
        monitor.ledger = old
        before = monitor.file
        assert rules(monitor.look()) == ["rollback"]
        assert monitor.file == before, "what was rolled back is not learned"


def test_a_fork_is_told(ledger: Ledger, tmp_path: Path) -> None:
    ledger.close()
    shutil.copytree(ledger.path, tmp_path / "fork")
    with Ledger.open(ledger.path) as one:
        enter(one, ALICE, release(ALICE, "a"))
        monitor = Monitor(one)
        monitor.look()
    with Ledger.open(tmp_path / "fork", memory=CheckpointMemory(tmp_path / "new")) as other:
        enter(other, ALICE, release(ALICE, "b"), release(ALICE, "c"))
        monitor.ledger = other
        assert rules(monitor.look()) == ["rollback"]


def test_the_state_of_another_log_is_refused(ledger: Ledger) -> None:
    state_ = MonitorState("example.com/others", "", 0, Known())
    with pytest.raises(MalformedError, match=ORIGIN):
        watch(ledger, QUIET, state_, LATER)


def test_a_claim_that_is_gone_is_no_reason_to_stop(ledger: Ledger) -> None:
    (index,) = enter(ledger, ALICE, release(ALICE, "a"))
    (ledger.path / "claims" / ledger.entry(index).event.claim_sha256).unlink()
    assert Monitor(ledger).look() == []


@given(
    st.binary(max_size=200)
    | st.dictionaries(st.text(max_size=5), st.integers()).map(lambda one: json.dumps(one).encode())
)
def test_a_broken_state_is_refused_with_words(data: bytes) -> None:
    with pytest.raises((MalformedError, LimitError)):
        MonitorState.parse(data)


@pytest.mark.parametrize(
    "known",
    [
        {"waiting": {"1": 1}},
        {"waiting": {"x": {"at": "2026-01-01T00:00:00Z", "missing": [], "subject": ""}}},
        {"waiting": {"1": {"at": "2026-01-01T00:00:00Z", "missing": [1], "subject": ""}}},
        {"models": {"B": {"signers": 3}}},
        {"models": {"B": {"other": []}}},
        {"models": {"B": {"size": True}}},
        {"early": {"wm1:00": "scan"}},
        {"minutes": {"key:00": "1"}},
        {"minute": 4},
        {"more": {}},
    ],
)
def test_a_state_of_the_right_form_with_wrong_content_is_refused(known: dict[str, Any]) -> None:
    fields = json.loads(MonitorState().to_bytes())
    fields["known"] |= known
    with pytest.raises(MalformedError):
        MonitorState.parse(json.dumps(fields).encode())


def test_a_state_that_was_written_before_is_still_read() -> None:
    fields = json.loads(MonitorState().to_bytes())
    del fields["known"]["early"]
    assert MonitorState.parse(json.dumps(fields).encode()).known == Known()


def test_a_release_that_was_erased_before_anybody_looked_is_not_passed_over(ledger: Ledger) -> None:
    """One person with the log key could enter a release and erase its claim between two rounds."""
    monitor = Monitor(ledger)
    enter(ledger, ALICE, release(ALICE, "a"))
    assert monitor.look() == []
    (index,) = enter(ledger, BOB, release(BOB, "a", size=70))
    redact(ledger, f"sha256:{ledger.entry(index).event.claim_sha256}", "asked for")
    (alert,) = monitor.look()
    assert (alert.rule, alert.severity, alert.index) == ("erased-unseen", "high", index)
    assert monitor.look() == []


def test_what_was_read_before_it_was_erased_is_no_alert(ledger: Ledger) -> None:
    monitor = Monitor(ledger)
    (index,) = enter(ledger, ALICE, release(ALICE, "a"))
    assert monitor.look() == []
    redact(ledger, f"sha256:{ledger.entry(index).event.claim_sha256}", "asked for")
    assert monitor.look() == []


def test_a_state_of_fewer_than_no_entries_is_refused() -> None:
    with pytest.raises(MalformedError):
        MonitorState.parse(MonitorState().to_bytes().replace(b'"size":0', b'"size":-5'))
