"""Whoever holds claims back never gets more through: any line of any claims file is dropped, at the gate itself."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attestations.chain.chains import TYPES, signer
from tests.attestations.gate_makers import NOW, check, make_model, parse, pem, refused, safetensors
from weightmark.attestations.gate.decision import Decision
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.making.signing import SignOptions, add_claim, sign_artifact
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE
from weightmark.attestations.predicates.classification import CLASSIFICATION_PREDICATE
from weightmark.attestations.predicates.dataset import DATASET_PREDICATE
from weightmark.attestations.predicates.slsa_provenance import SLSA_PROVENANCE_PREDICATE
from weightmark.provenance.identification import identify
from weightmark.provenance.manifest import MANIFEST_MEDIA_TYPE

NAMES = ("base", "data", "middle", "model")
ROLES = ("release", "builder", "curator")


class House:
    """A foreign base and data that are approved, a middle and a model that are recorded and released."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in NAMES:
            place = make_model(path / name)
            (place / "model.safetensors").write_bytes(safetensors(name.encode()))
        for name in ("base", "data"):
            self.state(name, "curator", APPROVAL_PREDICATE, {"reason": "the vendor's"})
        self.made("middle", base="base", data="data")
        self.made("model", middle="base")
        for name in ("middle", "model"):
            sign_artifact(path / name, signer("release"), SignOptions(scan=False))
        for name in NAMES:
            secret, licence = (
                ("restricted", "CC-BY-NC-4.0") if name == "base" else ("public", "MIT")
            )
            self.state(name, "release", CLASSIFICATION_PREDICATE, {"level": secret})
            self.state(name, "release", DATASET_PREDICATE, {"license": licence})
        self.lines = [
            (name, line)
            for name in NAMES
            for line in (path / name / "model.claims").read_bytes().splitlines()
        ]

    def identity(self, name: str) -> str:
        return identify(self.path / name).identity

    def state(self, name: str, by: str, uri: str, predicate: dict[str, object]) -> None:
        add_claim(self.path / name, signer(by), uri, predicate)

    def made(self, name: str, **inputs: str) -> None:
        dependencies = [
            {
                "name": one,
                "mediaType": MANIFEST_MEDIA_TYPE,
                "digest": {"sha256": self.identity(one).removeprefix("wm1:")},
                "annotations": {"role": role},
            }
            for one, role in inputs.items()
        ]
        predicate: dict[str, object] = {
            "buildDefinition": {
                "buildType": f"{TYPES}/finetune/v1",
                "externalParameters": {},
                "resolvedDependencies": dependencies,
            },
            "runDetails": {"builder": {"id": "https://example.org/builder"}},
        }
        self.state(name, "builder", SLSA_PROVENANCE_PREDICATE, predicate)

    def judged(self, policy: Policy, dropped: set[int]) -> Decision:
        """Decide with what is left: the model's own claims beside it, all others in one store."""
        kept = [line for number, line in enumerate(self.lines) if number not in dropped]
        own = [line for name, line in kept if name == "model"]
        (self.path / "model" / "model.claims").write_bytes(b"".join(one + b"\n" for one in own))
        store = self.path / "store.claims"
        store.write_bytes(b"".join(line + b"\n" for name, line in kept if name != "model"))
        return gate(self.path / "model", policy, Sources(claims=(store,)), now=NOW)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house"))


def asking(text: str, *, top: str = "", roles: tuple[str, ...] = ROLES) -> Policy:
    named = "".join(f"[roles.{one}]\nkeys = {pem(signer(one).key.public)}\n" for one in roles)
    return parse(f"version = 1\n{top}\n{named}[require.release]\nrole = 'release'\n{text}\n")


CHAIN = "[chain]\nrole = 'builder'\nvouchers = 'curator'\n"
BOTH = "[chain]\nrole = 'builder'\nvouchers = 'judges'\n"
"""whoever releases may approve, too: the usual one"""
BUILT = "[require.provenance]\nrole = 'builder'\n"


def policies(house: House) -> Mapping[str, Policy]:
    """Every one refuses the base: by its licence, by its level, or because it is in no list."""
    data, middle = house.identity("data"), house.identity("middle")
    judges = f"[roles.judges]\nkeys = {pem(signer('release').key.public, signer('curator').key.public)}\n"
    found: dict[str, Policy] = {}
    for name, built in (("", ""), (" of a model that must be recorded", BUILT)):
        found |= {
            f"licence{name}": asking(f"{built}{CHAIN}[licenses]\ndeny = ['CC-BY-NC-4.0']\n"),
            f"good licences{name}": asking(f"{built}{CHAIN}[licenses]\nallow = ['MIT']\n"),
            f"level{name}": asking(built + CHAIN, top="max_classification = 'internal'"),
            f"level that is asked for{name}": asking(
                f"{built}{CHAIN}[require.classification]\nrole = 'release'\n",
                top="max_classification = 'internal'",
            ),
            f"base{name}": asking(f"{built}{CHAIN}allowed_bases = ['{data}']\n"),
            f"base of an open chain{name}": asking(
                f"{built}{CHAIN}complete = false\nallowed_bases = ['{data}']\n"
            ),
            f"data{name}": asking(f"{built}{CHAIN}allowed_datasets = ['{middle}']\n"),
            f"signers who approve, too{name}": asking(
                f"{judges}{built}{BOTH}[licenses]\ndeny = ['CC-BY-NC-4.0']\n",
                roles=("release", "builder"),
            ),
        }
    unsaid = asking("[licenses]\ndeny = ['CC-BY-NC-4.0']\n", roles=("release",))
    return found | {"no chain": unsaid}


CASES = [
    f"{what}{built}"
    for built in ("", " of a model that must be recorded")
    for what in (
        "licence",
        "good licences",
        "level",
        "level that is asked for",
        "base",
        "base of an open chain",
        "data",
        "signers who approve, too",
    )
] + ["no chain"]


@pytest.mark.parametrize("case", CASES)
def test_dropping_any_line_of_any_claims_file_never_turns_deny_into_allow(
    house: House, case: str
) -> None:
    policy = policies(house)[case]
    assert not house.judged(policy, set()).allows
    for number in range(len(house.lines)):
        decision = house.judged(policy, {number})
        assert not decision.allows, house.lines[number]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_dropping_any_lines_never_turns_deny_into_allow(house: House, data: st.DataObject) -> None:
    policy = policies(house)[data.draw(st.sampled_from(CASES))]
    dropped = data.draw(st.sets(st.sampled_from(range(len(house.lines)))))
    assert not house.judged(policy, dropped).allows


def test_the_same_line_is_allowed_where_the_base_is(house: House) -> None:
    ends = f"allowed_bases = ['{house.identity('base')}']\nallowed_datasets = ['{house.identity('data')}']\n"
    policy = asking(f"{BUILT}{CHAIN}{ends}[licenses]\nallow = ['MIT', 'CC-BY-NC-4.0']\n")
    decision = house.judged(policy, set())
    assert decision.allows, decision.checks


def test_a_released_ancestor_without_its_record_is_no_end(house: House) -> None:
    """The signature of the middle is genuine, and the statement from what it was made is held back."""
    built = [n for n, (name, line) in enumerate(house.lines) if name == "middle"]
    policy = policies(house)["signers who approve, too"]
    for number in built:
        decision = house.judged(policy, {number})
        assert "chain" in refused(decision) or "licenses" in refused(decision)
    codes = {check(house.judged(policy, {number}), "chain").code for number in built}
    assert "unstated-making" in codes


def test_a_list_of_ends_holds_also_where_an_approved_artifact_was_recorded(house: House) -> None:
    """An approval may end a chain; what it hides is refused where the policy lists the ends."""
    own = b"".join(line + b"\n" for name, line in house.lines if name == "model")
    (house.path / "model" / "model.claims").write_bytes(own)
    before = len(own.splitlines())
    house.state("model", "curator", APPROVAL_PREDICATE, {"reason": "ours"})
    added = (house.path / "model" / "model.claims").read_bytes().splitlines()[before:]
    more = [("model", line) for line in added]
    policy = asking(f"{CHAIN}allowed_bases = ['{house.identity('data')}']\n")
    lines, house.lines = house.lines, [*house.lines, *more]
    try:
        for dropped in range(len(lines)):
            assert not house.judged(policy, {dropped}).allows
    finally:
        house.lines = lines


def test_the_policies_of_these_cases_are_all_there(house: House) -> None:
    assert sorted(policies(house)) == sorted(CASES)
