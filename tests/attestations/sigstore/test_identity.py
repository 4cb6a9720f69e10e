"""Whom a rule means: nobody who only looks like them."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.attestations.sigstore.extensions import EXTENSION_NAMES, FulcioExtensions
from weightmark.attestations.sigstore.identity import IdentityRule
from weightmark.attestations.sigstore.leaf import LeafFacts
from weightmark.attestations.sigstore.linear_regex import LinearRegex
from weightmark.errors import CallError, LimitError, WrongSignerError

ISSUER = "https://token.actions.githubusercontent.com"
WORKFLOW = "https://github.com/acme/model/.github/workflows/release.yml@refs/tags/v1"
THEN = datetime(2026, 1, 1, tzinfo=UTC)


def facts(subject: str = WORKFLOW, issuer: str | None = ISSUER, **said: str) -> LeafFacts:
    extensions = FulcioExtensions(issuer=issuer, **said)
    return LeafFacts(subject, "CN=x", "00", THEN, THEN, extensions)


def means(rule: IdentityRule, certificate: LeafFacts) -> bool:
    found = rule.mismatches(certificate)
    if found:
        with pytest.raises(WrongSignerError) as caught:
            rule.check(certificate)
        assert caught.value.why == "; ".join(found)
    else:
        rule.check(certificate)
    return not found


def test_an_exact_rule_means_one_subject_at_one_issuer() -> None:
    rule = IdentityRule.exact(WORKFLOW, issuer=ISSUER)
    assert means(rule, facts())
    for subject in (WORKFLOW + "0", WORKFLOW[:-1], WORKFLOW.upper(), WORKFLOW + "\n", ""):
        assert not means(rule, facts(subject))
    for issuer in (ISSUER + "/", ISSUER.replace("https", "http"), ISSUER + ".evil.example", None):
        assert not means(rule, facts(issuer=issuer))


def test_special_characters_of_an_exact_rule_mean_themselves() -> None:
    rule = IdentityRule.exact("a.c*@example.com", issuer=ISSUER)
    assert means(rule, facts("a.c*@example.com"))
    assert not means(rule, facts("abcc@example.com"))


def test_a_star_of_a_glob_does_not_reach_over_a_slash() -> None:
    rule = IdentityRule.glob("https://github.com/acme/*", issuer=ISSUER)
    assert means(rule, facts("https://github.com/acme/model"))
    assert not means(rule, facts())
    assert not means(rule, facts("https://github.com/acme/"[:-1]))
    assert means(IdentityRule.glob("https://github.com/acme/**", issuer=ISSUER), facts())
    assert means(IdentityRule.glob("?@example.com", issuer=ISSUER), facts("a@example.com"))
    assert not means(IdentityRule.glob("?@example.com", issuer=ISSUER), facts("/@example.com"))


@pytest.mark.parametrize(
    "subject",
    [
        "https://evil.example/https://github.com/acme/model",
        "https://github.com/acme/model\nhttps://evil.example",
        "https://github.com/acme/model.evil.example/x",
        "x https://github.com/acme/model",
    ],
)
def test_a_pattern_must_match_the_whole_subject(subject: str) -> None:
    assert not means(
        IdentityRule.regex("https://github.com/acme/[a-z]+", issuer=ISSUER), facts(subject)
    )
    assert not means(
        IdentityRule.glob("https://github.com/acme/mode?", issuer=ISSUER), facts(subject)
    )


def test_alternatives_of_a_pattern_are_anchored_as_a_whole() -> None:
    rule = IdentityRule.regex("a@example.com|b@example.com", issuer=ISSUER)
    assert means(rule, facts("b@example.com"))
    assert not means(rule, facts("a@example.com.evil"))
    assert not means(rule, facts("evil-b@example.com"))


def test_every_extension_can_be_asked_for_and_a_missing_one_does_not_fit() -> None:
    for name in EXTENSION_NAMES:
        rule = IdentityRule.exact(WORKFLOW, issuer=ISSUER, extensions={name: ISSUER})
        field = name.replace("-", "_")
        if name != "issuer":
            assert not means(rule, facts())
            assert means(rule, facts(**{field: ISSUER}))
            assert not means(rule, facts(**{field: ISSUER + "x"}))


def test_what_does_not_fit_is_named() -> None:
    rule = IdentityRule.exact("me", issuer="https://x", extensions={"source-repository": "r"})
    assert rule.mismatches(facts()) == (
        f"the subject is `{WORKFLOW}`, not `me`",
        f"`issuer` is `{ISSUER}`, not `https://x`",
        "`source-repository` is missing, not `r`",
    )


@pytest.mark.parametrize(
    ("subject", "issuer", "extensions"),
    [("", ISSUER, {}), ("me", "", {}), ("me", ISSUER, {"repo": "x"}), ("x" * 2000, ISSUER, {})],
)
def test_a_rule_that_is_not_whole_is_a_wrong_call(
    subject: str, issuer: str, extensions: dict[str, str]
) -> None:
    for make in (IdentityRule.exact, IdentityRule.glob, IdentityRule.regex):
        with pytest.raises(CallError):
            make(subject, issuer=issuer, extensions=extensions)


def test_a_pattern_that_is_none_is_a_wrong_call() -> None:
    with pytest.raises(CallError, match="no regular expression"):
        IdentityRule.regex("(", issuer=ISSUER)


def test_a_subject_without_end_is_a_limit() -> None:
    with pytest.raises(LimitError):
        IdentityRule.regex("a+", issuer=ISSUER).mismatches(facts("a" * 10_000))


@pytest.mark.parametrize(
    ("pattern", "subject"),
    [
        ("([a-z]+)*@corp", "a" * 4000),
        ("(a|aa)+", "a" * 3999 + "b"),
        ("(a|b|ab)*c", "ab" * 2000),
        ("(.?)*x", "a" * 4000),
        ("a?" * 30 + "a" * 30, "a" * 29),
        (".*.*.*.*.*x", "a" * 4000),
        ("(?:(?:a+)b?)+c", "a" * 4000),
        ("(?:a{0,30}){0,30}b", "a" * 500),
    ],
)
def test_no_subject_keeps_a_regular_expression_busy(pattern: str, subject: str) -> None:
    assert not means(IdentityRule.regex(pattern, issuer=ISSUER), facts(subject))


@pytest.mark.parametrize(
    ("pattern", "construct"),
    [
        (r"(.*)\1@corp", "a back-reference"),
        (r"(?P<who>.*)-(?P=who)@corp", "a back-reference"),
        (r"(a)?(?(1)b|c)", "a condition on a group"),
        (r"(?=.*@corp).*", "a look ahead or behind"),
        (r".*(?<!evil)@corp", "a look ahead or behind"),
        (r"(?!)", "a look ahead or behind"),
        (r"(?>a*)b", "an atomic group"),
        (r"a*+b", "a possessive repeat"),
    ],
)
def test_what_only_a_backtracking_matcher_can_match_is_a_wrong_call_that_names_it(
    pattern: str, construct: str
) -> None:
    with pytest.raises(CallError, match=construct):
        IdentityRule.regex(pattern, issuer=ISSUER)


@pytest.mark.parametrize(
    "pattern", ["(?:a{1000}){1000}", "(a{0,900}){0,900}", "(?:){0,4294967294}"]
)
def test_a_regular_expression_that_would_fill_the_memory_is_a_wrong_call(pattern: str) -> None:
    with pytest.raises(CallError, match="too large"):
        IdentityRule.regex(pattern, issuer=ISSUER)


EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", r"\b", "^", "$", r"\Z", "A", ""]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        st.tuples(st.sampled_from(["(?i:", "(?s:", "(?m:", "("]), inner).map(
            lambda two: f"{two[0]}{two[1]})"
        ),
        st.tuples(inner, st.sampled_from(["*", "+?", "?", "{2}", "{1,3}", "{2,}"])).map(
            lambda two: f"({two[0]}){two[1]}"
        ),
    ),
    max_leaves=6,
)


@given(EXPRESSIONS, st.text("abAB\n ", max_size=7))
def test_an_expression_means_what_a_full_match_of_re_means(pattern: str, text: str) -> None:
    expected = re.fullmatch(pattern, text) is not None
    assert LinearRegex.parse(pattern).fits(text) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        r"https://github\.com/acme/[^/]+/\.github/workflows/.*@refs/tags/v.*",
        r"[a-z]+@corp\.example",
        r"(?:alice|bob)@example\.com",
    ],
)
def test_the_regular_expressions_that_people_write_are_understood(pattern: str) -> None:
    IdentityRule.regex(pattern, issuer=ISSUER)


def test_a_condition_in_the_middle_of_a_name_does_not_end_it() -> None:
    rule = IdentityRule.regex("(?i)RELEASE@corp|^release@corp$", issuer=ISSUER)
    assert means(rule, facts("release@CORP"))
    assert not means(rule, facts("release@corp\n"))
    assert not means(rule, facts("x\nrelease@corp"))


def test_a_glob_of_many_wildcards_answers_at_once_on_a_long_subject() -> None:
    rule = IdentityRule.glob("/".join(["**"] * 100) + "/x", issuer=ISSUER)
    assert not means(rule, facts("a/" * 2000))
    assert means(rule, facts("a/" * 1000 + "x"))


@given(st.text("ab/", max_size=12), st.text("ab/*?", min_size=1, max_size=8))
def test_a_glob_means_what_its_regular_expression_would(subject: str, pattern: str) -> None:
    parts = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*|\*|\?)", pattern)
    regex = "".join(parts.get(piece, re.escape(piece)) for piece in pieces)
    expected = re.fullmatch(regex, subject) is not None
    assert means(IdentityRule.glob(pattern, issuer=ISSUER), facts(subject)) == expected


@given(st.text(min_size=1, max_size=30), st.text(max_size=30))
def test_an_exact_rule_fits_no_other_text(wanted: str, other: str) -> None:
    rule = IdentityRule.exact(wanted, issuer=ISSUER)
    assert means(rule, facts(other)) == (wanted == other)


@given(st.text(min_size=1, max_size=30), st.text(max_size=30))
def test_a_glob_without_wildcards_is_exact(wanted: str, other: str) -> None:
    plain = re.sub(r"[*?]", "x", wanted)
    assert means(IdentityRule.glob(plain, issuer=ISSUER), facts(other)) == (plain == other)


@pytest.mark.parametrize(
    "pattern",
    [
        "(?:(?:" + "|" * 950 + "a){0,60})*x",
        "(?:" + "|".join(f"(?:{chr(97 + n % 26)}{n})?" for n in range(300)) + ")*x",
        "(?:(?:a|b|c|d|e|f|g|h)(?:a|b|c|d|e|f|g|h)){0,60}",
    ],
)
def test_branches_without_end_are_counted_and_take_no_time(pattern: str) -> None:
    """A state with a thousand ways on is a thousand steps for each character of a name."""
    try:
        found = LinearRegex.parse(pattern)
    except CallError:
        return
    ways = sum(len(state.then) for state in found.states)
    assert ways * found.longest <= 2_000_000
    assert not found.fits("a" * found.longest + "y")
