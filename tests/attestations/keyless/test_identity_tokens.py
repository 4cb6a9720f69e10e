"""Identity tokens: what makes a call hopeless is said before anything is sent; the secret is never shown."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.attestations.signers.keyless import IdentityToken
from weightmark.errors import CallError, ExpiredError, WeightmarkError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
GOOD = {"iss": "https://id.example.com", "sub": "ann", "aud": "sigstore", "exp": 1767323100}


def token_of(claims: object) -> str:
    def part(document: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'ES256'})}.{part(claims)}.c2lnbmF0dXJl"


def parse(claims: object) -> IdentityToken:
    return IdentityToken.parse(token_of(claims), now=NOW)


def test_a_good_token_is_read() -> None:
    token = parse({**GOOD, "email": "ann@example.com"})
    assert (token.issuer, token.subject, token.email) == (
        "https://id.example.com",
        "ann",
        "ann@example.com",
    )
    assert token.expires == datetime(2026, 1, 2, 3, 5, tzinfo=UTC)


def test_a_file_with_a_line_end_is_fine() -> None:
    assert IdentityToken.parse(token_of(GOOD) + "\r\n", now=NOW).raw == token_of(GOOD)


def test_a_list_of_audiences_may_hold_ours() -> None:
    assert parse({**GOOD, "aud": ["other", "sigstore"]}).audience == "sigstore"


@pytest.mark.parametrize("audience", ["other", ["other"], [], None, 5, "sigstore2", "SIGSTORE"])
def test_a_token_for_another_audience_is_a_wrong_call(audience: object) -> None:
    with pytest.raises(CallError, match="not meant for `sigstore`"):
        parse({**GOOD, "aud": audience})


def test_an_expired_token_says_when_it_ended() -> None:
    with pytest.raises(ExpiredError, match="has expired") as refused:
        IdentityToken.parse(token_of(GOOD), now=NOW + timedelta(minutes=1))
    assert "2026-01-02T03:05:00Z" in refused.value.why


def test_a_token_that_begins_later_points_at_the_clock() -> None:
    with pytest.raises(ExpiredError, match="not good yet") as refused:
        parse({**GOOD, "nbf": 1767423100, "exp": 1767923100})
    assert "clock" in refused.value.fix


@pytest.mark.parametrize("missing", ["iss", "sub", "exp"])
@pytest.mark.parametrize("instead", [None, [], {}, True, ""])
def test_a_token_without_a_claim_is_a_wrong_call(missing: str, instead: object) -> None:
    with pytest.raises(CallError, match="cannot be read"):
        parse({**GOOD, missing: instead})


@pytest.mark.parametrize("moment", [1e300, -1e300, 10**30])
def test_a_time_beyond_all_calendars_is_a_wrong_call(moment: float) -> None:
    with pytest.raises(CallError):
        parse({**GOOD, "exp": moment})


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "a.b",
        "a.b.c.d",
        "a.!!!!.c",
        "a.é.c",
        f"a.{'A' * 40000}.c",
        token_of([]),
        token_of("text"),
        "Bearer " + token_of(GOOD).replace(".", " "),
    ],
)
def test_what_is_no_token_is_a_wrong_call(raw: str) -> None:
    with pytest.raises(CallError, match="cannot be read"):
        IdentityToken.parse(raw, now=NOW)


def test_a_token_with_a_claim_said_twice_is_refused() -> None:
    twice = base64.urlsafe_b64encode(b'{"aud": "sigstore", "aud": "other"}').decode()
    with pytest.raises(CallError, match="cannot be read"):
        IdentityToken.parse(f"a.{twice}.c", now=NOW)


def test_the_secret_is_in_no_text_about_the_token() -> None:
    token = parse(GOOD)
    assert token.raw not in f"{token} {token!r}"


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: f"a.{raw.hex()}.c"))
def test_no_text_brings_the_parser_down(raw: str) -> None:
    with pytest.raises(WeightmarkError):
        IdentityToken.parse(raw, now=NOW)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from([*GOOD, "nbf", "email"]), json_values)
def test_a_claim_of_any_type_is_read_or_refused(name: str, value: object) -> None:
    try:
        token = parse({**GOOD, name: value})
    except WeightmarkError:
        return
    assert token.audience == "sigstore"
    assert token.expires > NOW
