"""The moment before which a claim can't have been made: certificates and signed times, never what can be put there anew."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.chain.chains import signer, state
from tests.attestations.keyless.statements import STATEMENT
from tests.attestations.trust.makers import Stamps
from tests.sim.client import sign_statement
from tests.sim.loopback import LoopbackSigstore
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.predicates.slsa_provenance import SLSA_PROVENANCE_PREDICATE
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.identities import IdentityAnchor, parse_rule
from weightmark.attestations.trust.keys import KeyAnchor
from weightmark.attestations.trust.roots import parse_root
from weightmark.attestations.trust.signed_times import made_since

STAMPS = Stamps()
NOW = STAMPS.clock.now()


def since(bundle: Bundle, at: datetime = NOW) -> datetime | None:
    """What is known of a claim by `builder` that the authority stamps at `at`."""
    stamped = replace(bundle, timestamps=(STAMPS.over(bundle.envelope.signature, at),))
    trust = Trust.in_anchors([KeyAnchor(signer("builder").key.public, clocks=STAMPS.clocks())])
    return made_since(trust.verify(stamped, now=NOW + timedelta(days=1)))


def test_a_keyless_claim_is_no_older_than_its_certificate_whoever_logged_it_since() -> None:
    with LoopbackSigstore.running() as sim:
        root = parse_root(json.dumps(sim.trusted_root()).encode(), name="sim")
        bundle = Bundle.parse(sign_statement(sim, STATEMENT))
        issuer = sim.oidc.url
    rule = parse_rule(exact="release@example.com", issuer=issuer)
    trust = Trust.in_anchors([IdentityAnchor(rule, root, exact="release@example.com")])
    verified = trust.verify(bundle)
    assert verified.certificate
    assert verified.time
    assert made_since(verified) == verified.certificate.not_before
    assert verified.certificate.not_before <= verified.time.at


def test_a_timestamp_alone_is_no_lower_bound() -> None:
    assert since(state("model", "https://example.com/p", {}, "builder")) is None


@pytest.mark.parametrize("finished", ["", "yesterday", 7, None, {}, "9999-12-31T23:59:59Z"])
def test_a_time_that_says_nothing_is_none(finished: Any) -> None:
    predicate = {"runDetails": {"metadata": {"finishedOn": finished}}}
    assert since(state("model", SLSA_PROVENANCE_PREDICATE, predicate, "builder")) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=30),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["runDetails", "metadata", "finishedOn"]), inner)
        ),
        max_leaves=8,
    ).filter(lambda one: isinstance(one, dict))
)
def test_no_predicate_of_whatever_form_breaks_the_reading(predicate: dict[str, Any]) -> None:
    found = since(state("model", SLSA_PROVENANCE_PREDICATE, predicate, "builder"))
    assert found is None or found <= NOW
