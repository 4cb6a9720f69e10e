"""An earlier decision ends when anything on which it rests does, wherever that is said."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.attestations.chain.chains import TYPES
from tests.attestations.decisions.makers import AGES, GATE, bare_copy, rules, said, store
from tests.attestations.gate_makers import (
    KEY,
    NOW,
    SIGNER,
    STRANGER,
    check,
    make_model,
    make_signed,
    parse,
    pem,
    refused,
    safetensors,
)
from tests.attestations.ledger.makers import admitted
from tests.sim.authority import Authority
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Outcome
from weightmark.attestations.claims import parse_claims
from weightmark.attestations.gate.decision import Decision
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.ledger.revoking import revoke
from weightmark.attestations.ledger.submission import submit
from weightmark.attestations.making.signing import add_claim, sign_artifact
from weightmark.attestations.policy.load import load_policy_file
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.predicates.classification import CLASSIFICATION_PREDICATE
from weightmark.attestations.predicates.descriptor import Descriptor
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.attestations.predicates.slsa_provenance import SLSA_PROVENANCE_PREDICATE
from weightmark.attestations.predicates.test_result import TEST_RESULT_PREDICATE
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.statements import Statement
from weightmark.provenance.identification import identify
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger

BUILDER, TESTER, VOUCHER = (KeySigner(PrivateKey.generate()) for _ in range(3))
TESTED = rules(
    end=f"[roles.tester]\nkeys = {pem(TESTER.public)}\n[require.test]\nrole = 'tester'\n"
)
CHAINED = parse(
    "version = 1\nmax_classification = 'internal'\nunclassified = 'public'\n"
    f"[roles.release]\nkeys = {pem(KEY.public)}\n[roles.builder]\nkeys = {pem(BUILDER.public)}\n"
    f"[roles.base]\nkeys = {pem(VOUCHER.public)}\n[roles.gate]\nkeys = {pem(GATE.public)}\n"
    "[require.release]\n[require.provenance]\nrole = 'builder'\n"
    f"[chain]\nvouchers = 'base'\nsigned_ends = true\n[vsa]\nrole = 'gate'\n{AGES}\n"
)


def result(word: str) -> dict[str, object]:
    return {"result": word, "configuration": []}


def lines(path: Path) -> list[Bundle]:
    return [one.bundle for one in parse_claims(path.read_bytes()) if one.bundle]


class Register:
    """A ledger that takes claims of everybody, and revocations of `STRANGER`."""

    def __init__(self, place: Path) -> None:
        self.place = place
        submitters = [admitted(one) for one in (SIGNER, GATE, TESTER, BUILDER, VOUCHER)]
        submitters.append(admitted(STRANGER, Kind.REVOKE))
        Ledger.create(place, origin="example.com/m", submitters=submitters).close()

    def enter(self, by: Signer, *bundles: Bundle) -> None:
        with Ledger.open(self.place) as ledger:
            submit(ledger, list(bundles), by)

    def revoke(self, subject: str) -> None:
        with Ledger.open(self.place) as ledger:
            revoke(ledger, STRANGER, RevocationSubject(subject), "stolen")

    def beside(self, sources: Sources) -> Sources:
        return replace(sources, ledger=str(self.place))


@pytest.fixture
def register(tmp_path: Path) -> Register:
    return Register(tmp_path / "ledger")


def test_claims_about_other_artifacts_in_front_hide_nothing_that_the_ledger_holds(
    tmp_path: Path, register: Register
) -> None:
    model = make_signed(tmp_path / "model")
    add_claim(model, TESTER, TEST_RESULT_PREDICATE, result("PASSED"))
    first = gate(model, TESTED, now=NOW)
    assert first.allows
    sources = register.beside(store(tmp_path / "s", said(first)))
    assert gate(model, TESTED, sources, now=NOW, earlier=True).evidence.answer is not None
    failing = make_signed(tmp_path / "elsewhere")
    add_claim(failing, TESTER, TEST_RESULT_PREDICATE, result("FAILED"))
    register.enter(TESTER, lines(failing / "model.claims")[-1])
    claims = model / "model.claims"
    foreign = b""
    for number in range(20):
        about = Descriptor.of_identity("x", f"wm1:{number:064x}")
        statement = made_of(f"wm1:{number + 100:064x}", about)
        foreign += KeySigner(PrivateKey.generate()).sign_statement(statement).to_bytes() + b"\n"
    claims.write_bytes(foreign + claims.read_bytes())
    decision = gate(model, TESTED, sources, now=NOW, earlier=True)
    assert decision.evidence.answer is None
    assert refused(decision) == {"test"}


def test_a_newer_denial_in_the_ledger_is_not_hidden_by_claims_in_front(
    tmp_path: Path, register: Register
) -> None:
    model = make_signed(tmp_path / "model")
    policy = rules()
    first = gate(model, policy, now=NOW)
    denial = said(first, verificationResult="FAILED", verifiedLevels=["FAILED"])
    register.enter(GATE, denial)
    claims = model / "model.claims"
    foreign = [
        KeySigner(PrivateKey.generate()).sign_statement(
            made_of(f"wm1:{one:064x}", Descriptor.of_identity("x", f"wm1:{one + 1:064x}"))
        )
        for one in range(20)
    ]
    claims.write_bytes(b"".join(one.to_bytes() + b"\n" for one in foreign) + claims.read_bytes())
    sources = register.beside(store(tmp_path / "s", said(first)))
    decision = gate(model, policy, sources, now=NOW, earlier=True)
    assert decision.evidence.answer is None


def made_of(identity: str, *inputs: Descriptor) -> bytes:
    predicate = {
        "buildDefinition": {
            "buildType": f"{TYPES}/finetune/v1",
            "externalParameters": {},
            "resolvedDependencies": [one.to_json() for one in inputs],
        },
        "runDetails": {"builder": {"id": "https://example.org/builder"}},
    }
    return Statement.about_manifest("model", identity, SLSA_PROVENANCE_PREDICATE, predicate, {})


def is_list(bundle: Bundle) -> bool:
    """Tell a list of files from the other claims that signing makes."""
    envelope = bundle.envelope
    statement = Statement.parse(envelope.payload_type, envelope.payload)
    return statement.predicate_type == MANIFEST_PREDICATE


class Line:
    """A model that was made from a base for which only `VOUCHER` vouches, by a list of its files."""

    def __init__(self, root: Path) -> None:
        self.base = make_model(root / "base")
        (self.base / "model.safetensors").write_bytes(safetensors(b"base"))
        sign_artifact(self.base, VOUCHER)
        self.identity = identify(self.base).identity
        self.model = make_signed(root / "model")
        step = made_of(
            identify(self.model).identity,
            Descriptor.of_identity("base", self.identity, {"role": "base"}),
        )
        self.claims = store(
            root / "claims.jsonl",
            BUILDER.sign_statement(step),
            *(one for one in lines(self.base / "model.claims") if is_list(one)),
        )

    def decide(self, sources: Sources | None = None, *, earlier: bool = False) -> Decision:
        return gate(self.model, CHAINED, sources or self.claims, now=NOW, earlier=earlier)


def test_a_decision_over_a_chain_answers_beside_the_claims_on_which_it_rests(
    tmp_path: Path, register: Register
) -> None:
    line = Line(tmp_path)
    first = line.decide()
    assert first.allows, first.checks
    kept = store(tmp_path / "s", said(first))
    for claims in (kept.claims, (*kept.claims, *line.claims.claims)):
        sources = register.beside(Sources(claims=claims))
        assert line.decide(sources, earlier=True).evidence.answer is not None


def test_whoever_vouched_for_the_base_and_is_revoked_takes_the_answer(
    tmp_path: Path, register: Register
) -> None:
    line = Line(tmp_path)
    first = line.decide()
    sources = register.beside(store(tmp_path / "s", said(first)))
    assert gate(bare_copy(line.model), CHAINED, sources, now=NOW, earlier=True).allows
    register.revoke(f"key:{VOUCHER.public.fingerprint}")
    assert not line.decide(register.beside(line.claims)).allows
    decision = line.decide(sources, earlier=True)
    assert decision.evidence.answer is None
    assert not decision.allows
    assert not gate(first.evidence.identity, CHAINED, sources, now=NOW).allows


def test_no_earlier_decision_answers_where_the_bytes_of_the_base_are_to_be_compared(
    tmp_path: Path,
) -> None:
    line = Line(tmp_path)
    kept = store(tmp_path / "s", said(line.decide()))
    assert line.decide(kept, earlier=True).evidence.answer is not None
    compared = line.decide(
        replace(line.claims, claims=(*kept.claims, *line.claims.claims), ancestors=(line.base,)),
        earlier=True,
    )
    assert compared.evidence.answer is None
    assert check(compared, "weights").outcome is Outcome.INFO


def test_what_the_ledger_says_of_the_base_since_takes_the_answer(
    tmp_path: Path, register: Register
) -> None:
    line = Line(tmp_path)
    sources = register.beside(store(tmp_path / "s", said(line.decide())))
    assert line.decide(sources, earlier=True).evidence.answer is not None
    add_claim(line.base, SIGNER, CLASSIFICATION_PREDICATE, {"level": "restricted"})
    register.enter(SIGNER, lines(line.base / "model.claims")[-1])
    decision = line.decide(sources, earlier=True)
    assert decision.evidence.answer is None
    assert not decision.allows


def named_files(root: Path, ca: bytes) -> Policy:
    """A policy that names a certificate authority, and another one in a trust file."""
    root.mkdir(exist_ok=True)
    (root / "ca.pem").write_bytes(ca)
    (root / "inner.pem").write_bytes(ca)
    (root / "trust.toml").write_text(
        "version = 1\n[certificates.acme]\nfile = 'inner.pem'\nsan = 'release@example.com'\n"
    )
    (root / "p.toml").write_text(
        f"version = 1\n[roles.release]\nkeys = {pem(KEY.public)}\ntrust = 'trust.toml'\n"
        "[[roles.release.certificates]]\nfile = 'ca.pem'\nsan = 'release@example.com'\n"
        f"[roles.gate]\nkeys = {pem(GATE.public)}\n[require.release]\n[vsa]\nrole = 'gate'\n{AGES}\n"
    )
    return load_policy_file(root / "p.toml")


def authority() -> bytes:
    found = Authority("acme", datetime(2026, 1, 1, tzinfo=UTC)).certificate
    return found.public_bytes(Encoding.PEM)


@pytest.mark.parametrize("swapped", ["ca.pem", "inner.pem", "trust.toml"])
def test_another_authority_of_the_same_name_ends_every_decision(
    tmp_path: Path, swapped: str
) -> None:
    policy = named_files(tmp_path / "rules", authority())
    model = make_signed(tmp_path / "model")
    first = gate(model, policy, now=NOW)
    assert first.allows
    sources = store(tmp_path / "s", said(first))
    again = load_policy_file(tmp_path / "rules" / "p.toml")
    assert gate(model, again, sources, now=NOW, earlier=True).evidence.answer is not None
    place = tmp_path / "rules" / swapped
    place.write_bytes(
        authority() if swapped != "trust.toml" else place.read_bytes() + b"# looser\n"
    )
    changed = load_policy_file(tmp_path / "rules" / "p.toml")
    decision = gate(model, changed, sources, now=NOW, earlier=True)
    assert changed.sha256 == policy.sha256
    assert decision.evidence.answer is None
    told = check(decision, "earlier decision")
    assert "files that the policy names" in " ".join([told.summary, *told.details])


@pytest.mark.parametrize("year", [1, 9999])
def test_the_first_and_the_last_moment_of_the_calendar_are_no_crash(
    tmp_path: Path, year: int
) -> None:
    policy = rules()
    model = make_signed(tmp_path / "model")
    sources = store(tmp_path / "s", said(gate(model, policy, now=NOW)))
    edge = (
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
        if year > 1
        else datetime(1, 1, 1, tzinfo=UTC)
    )
    assert gate(model, policy, sources, now=edge, earlier=True).evidence.answer is None
