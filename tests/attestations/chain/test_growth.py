"""A chain that grows from a ledger asks about each ancestor once, and verifies each claim once."""

from collections import Counter
from functools import partial
from typing import Any

from tests.attestations.chain.chains import approve, identity, kinds, made, signer, trust
from tests.attestations.ledger.makers import manifest_of
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.chain.building import build_chain
from weightmark.attestations.chain.gathering import grow_chain
from weightmark.attestations.chain.model import Chain, GapKind, StepRoles
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE
from weightmark.attestations.statements import Statement
from weightmark.provenance.lineage.graph import Bounds


class Shelf:
    """A ledger of claims by the artifact that they are about, and how often each was asked for."""

    def __init__(self, **claims: Bundle) -> None:
        self.claims = {identity(name): bundle for name, bundle in claims.items()}
        self.asked: Counter[str] = Counter()

    def about(self, artifact: str) -> list[Bundle]:
        self.asked[artifact] += 1
        return [self.claims[artifact]] if artifact in self.claims else []


def grown(shelf: Shelf, *beside: Bundle, depth: int = 64) -> tuple[Chain, tuple[Bundle, ...]]:
    build = partial(
        build_chain,
        identity("m0"),
        roles=StepRoles(trust("builder")),
        vouchers=trust("release", "builder"),
        bounds=Bounds(depth=depth),
    )
    found = grow_chain(build, beside, shelf.about)
    return found.chain, found.bundles


def line(length: int) -> Shelf:
    steps = {f"m{n}": made(f"m{n}", f"m{n + 1}") for n in range(length)}
    return Shelf(**steps, **{f"m{length}": approve(f"m{length}")})


def test_claims_that_come_one_level_at_a_time_make_the_same_chain() -> None:
    shelf = line(40)
    chain, bundles = grown(shelf)
    assert chain.complete
    assert chain.lineage.depth == 40
    assert set(shelf.asked.values()) == {1}
    at_once = build_chain(
        identity("m0"),
        list(shelf.claims.values()),
        StepRoles(trust("builder")),
        vouchers=trust("release", "builder"),
    )
    assert chain == at_once
    assert len(bundles) == 41


def test_growing_builds_once_however_deep_the_chain_is() -> None:
    shelf = line(60)
    builds: list[Chain] = []

    def build(**more: Any) -> Chain:
        roles, vouchers = StepRoles(trust("builder")), trust("release", "builder")
        builds.append(build_chain(identity("m0"), roles=roles, vouchers=vouchers, **more))
        return builds[-1]

    assert grow_chain(build, (), shelf.about).chain.lineage.depth == 60
    assert len(builds) == 1


def test_a_ledger_without_end_is_asked_no_further_than_the_chain_may_be_deep() -> None:
    shelf = line(40)
    chain, _ = grown(shelf, depth=9)
    assert not chain.complete
    assert sum(shelf.asked.values()) <= 12


def test_what_is_learnt_late_tells_what_an_earlier_input_meant() -> None:
    claim = manifest_of("data", ".")
    name = claim.manifest.identity
    listed = signer("release").sign_statement(
        Statement.about_manifest("data", name, MANIFEST_PREDICATE, claim.to_predicate(), {})
    )
    by_file = {"name": "data", "digest": {"sha256": claim.sha256["."]}}
    shelf = Shelf(m0=made("m0", by_file, "m1"), m1=approve("m1"))
    shelf.claims[identity("m1")] = listed
    chain, _ = grown(shelf, approve("m1"))
    assert name in chain.lineage.depths
    assert GapKind.UNLINKED not in kinds(chain)
    assert shelf.asked[name] == 1


def test_growing_leaves_the_claims_that_were_given_as_they_are() -> None:
    given = [approve("m1")]
    shelf = Shelf(m0=made("m0", "m1"))
    build = partial(build_chain, identity("m0"), roles=StepRoles(trust("builder", "release")))
    found = grow_chain(build, given, shelf.about)
    assert len(given) == 1
    assert found.bundles == (*given, shelf.claims[identity("m0")])


def test_what_is_revoked_taints_a_chain_that_grew_from_a_ledger() -> None:
    shelf = Shelf(m0=made("m0", "m1"), m1=approve("m1"))
    build = partial(build_chain, identity("m0"), roles=StepRoles(trust("builder", "release")))
    found = grow_chain(build, (), shelf.about, revoked_in=lambda _: {identity("m1"): "revoked"})
    assert GapKind.REVOKED in kinds(found.chain)
    assert found.chain.lineage.depth == 1
    assert len(found.bundles) == 2
