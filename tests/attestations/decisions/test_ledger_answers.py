"""Earlier decisions and a ledger: it is asked anew, and what it revokes answers for nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.attestations.decisions.makers import AGES, GATE, bare_copy, rules, said, store
from tests.attestations.gate_makers import KEY, SIGNER, STRANGER, check, make_signed, refused
from tests.attestations.ledger.makers import admitted
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Outcome
from weightmark.attestations.claims import parse_claims
from weightmark.attestations.gate.decision import Decision, Verdict
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.ledger.revoking import revoke
from weightmark.attestations.ledger.submission import submit
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger

POLICY = rules()
IN_LEDGER = rules(end="[ledger]\nrequired = true\n")


class House:
    """A signed model, a bare copy, and a ledger that holds the release and the decision."""

    def __init__(self, root: Path, policy: Policy, *, entered: bool = True) -> None:
        self.root, self.policy = root, policy
        self.model = make_signed(root / "model")
        self.place = root / "ledger"
        submitters = [admitted(SIGNER), admitted(GATE), admitted(STRANGER, Kind.REVOKE)]
        Ledger.create(self.place, origin="example.com/m", submitters=submitters).close()
        lines = parse_claims((self.model / "model.claims").read_bytes())
        if entered:
            self.enter(SIGNER, *(line.bundle for line in lines if line.bundle))
        self.first = gate(self.model, policy, self.sources())
        assert self.first.allows, self.first.checks
        self.bare = bare_copy(self.model)

    def sources(self, *bundles: Bundle) -> Sources:
        kept = store(self.root / "s", *bundles) if bundles else Sources()
        return replace(kept, ledger=str(self.place))

    def enter(self, by: object, *bundles: Bundle) -> None:
        with Ledger.open(self.place) as ledger:
            submit(ledger, list(bundles), by)  # type: ignore[arg-type] # a signer of tests

    def revoke(self, subject: str) -> None:
        with Ledger.open(self.place) as ledger:
            revoke(ledger, STRANGER, RevocationSubject(subject), "stolen")

    def ask(self, *bundles: Bundle) -> Decision:
        return gate(self.bare, self.policy, self.sources(*bundles), earlier=True)

    def ask_identity(self) -> Decision:
        return gate(self.first.evidence.identity, self.policy, self.sources())


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, POLICY)


def test_a_decision_in_the_ledger_answers_for_an_identity(house: House) -> None:
    assert house.ask_identity().verdict is Verdict.UNCHECKED
    house.enter(GATE, said(house.first))
    assert house.ask_identity().allows


def test_a_decision_in_the_ledger_answers_for_files_whose_claims_name_them(house: House) -> None:
    house.enter(GATE, said(house.first))
    decision = gate(house.model, POLICY, house.sources(), earlier=True)
    assert decision.allows
    assert decision.evidence.answer is not None


@pytest.mark.parametrize("what", ["artifact", "gate", "release key", "decision", "claim"])
def test_what_the_ledger_revokes_answers_for_nothing(house: House, what: str) -> None:
    summary = said(house.first)
    assert house.ask(summary).allows
    house.revoke(
        {
            "artifact": house.first.evidence.identity,
            "gate": f"key:{GATE.public.fingerprint}",
            "release key": f"key:{KEY.public.fingerprint}",
            "decision": f"sha256:{summary.envelope.claim_id}",
            "claim": f"sha256:{house.first.evidence.claims[0]}",
        }[what]
    )
    decision = house.ask(summary)
    assert not decision.allows
    assert decision.evidence.answer is None
    asked = gate(house.first.evidence.identity, POLICY, house.sources(summary))
    assert not asked.allows
    if what == "artifact":
        assert "revocation" in refused(asked)


def test_a_required_ledger_is_asked_anew_and_needed(tmp_path: Path) -> None:
    house = House(tmp_path, IN_LEDGER)
    summary = said(house.first)
    decision = house.ask(summary)
    assert decision.allows
    assert check(decision, "ledger").outcome is Outcome.PASS
    without = gate(house.bare, IN_LEDGER, store(tmp_path / "s", summary), earlier=True)
    assert not without.allows
    assert "no ledger was named" in check(without, "earlier decision").summary


def test_a_ledger_that_is_damaged_takes_the_answer(house: House) -> None:
    summary = said(house.first)
    (house.place / "ledger.db").write_bytes(b"not a database")
    assert not house.ask(summary).allows


def test_witnesses_are_asked_for_anew(tmp_path: Path) -> None:
    house = House(tmp_path, rules(AGES, "[ledger]\n"))
    demanding = replace(
        house.policy, ledger=replace(house.policy.ledger, required=True, witnesses=1)
    )
    decision = gate(house.bare, demanding, house.sources(said(house.first)), earlier=True)
    assert not decision.allows
    assert "does not hold any more" in check(decision, "earlier decision").summary


FOREIGN = "https://acme.example/verifier"


@pytest.mark.parametrize(
    ("inputs", "by"),
    [
        ("named", "identity"),
        ("named", "bare files"),
        ("named", "files beside their claims"),
        ("none", "identity"),
        ("none", "bare files"),
        ("not at hand", "identity"),
        ("not at hand", "bare files"),
    ],
)
def test_a_decision_by_another_verifier_does_not_outlive_what_carried_it(
    tmp_path: Path, inputs: str, by: str
) -> None:
    policy = rules(f"{AGES}\nverifiers = ['{FOREIGN}']", "[ledger]\n")
    house = House(tmp_path, policy, entered=inputs == "named")
    named = [{"digest": {"sha256": one}} for one in house.first.evidence.claims]
    if inputs == "not at hand":
        named = [{"digest": {"sha256": "ab" * 32}}]
    summary = said(
        house.first,
        verifier={"id": FOREIGN},
        weightmark_inputs=None,
        weightmark_decision=None,
        inputAttestations=None if inputs == "none" else named,
    )
    paths: dict[str, str | Path] = {
        "identity": house.first.evidence.identity,
        "bare files": house.bare,
        "files beside their claims": house.model,
    }

    def ask() -> Decision:
        return gate(paths[by], house.policy, house.sources(summary), earlier=True)

    assert ask().evidence.answer is not None
    house.revoke(f"key:{KEY.public.fingerprint}")
    decision = ask()
    assert decision.evidence.answer is None
    assert not decision.allows


def test_what_a_decision_by_another_verifier_rests_on_answers_where_it_still_counts(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, rules(f"{AGES}\nverifiers = ['{FOREIGN}']", "[ledger]\n"))
    summary = said(
        house.first,
        verifier={"id": FOREIGN},
        weightmark_inputs=None,
        weightmark_decision=None,
        inputAttestations=[{"digest": {"sha256": one}} for one in house.first.evidence.claims],
    )
    house.revoke("wm1:" + "c" * 64)
    decision = gate(house.model, house.policy, house.sources(summary), earlier=True)
    assert decision.evidence.answer is not None
