"""tlog-policy files: strict, and met only by the witnesses that they name."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.provenance.ledger.witnessing.log_sim import LogSim
from weightmark.errors import LimitError, PolicyError, UnsupportedError, WeightmarkError
from weightmark.provenance.ledger.witnessing.cosignature import CosignatureType, WitnessSigner
from weightmark.provenance.ledger.witnessing.policy import parse_policy

LOG = LogSim().signer.verifier
WITNESSES = [
    WitnessSigner(f"w.example/{n}", CosignatureType.ED25519, bytes([n]) * 32).verifier
    for n in range(1, 7)
]
A, B, C, D, E, F = (one.vkey for one in WITNESSES)

SPECIFIED = f"""\
# the example of the specification
log {LOG.vkey}

witness X1 {A}
 witness\tX2 \t {B}  https://x2.example/prefix\x20
witness X3 {C}
group X-witnesses 2 X1 X2 X3

witness Y1 {D}
witness Y2 {E}
witness Y3 {F}
group Y-witnesses any Y1 Y2 Y3

\t# two organizations
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def test_the_example_of_the_specification() -> None:
    policy = parse_policy(SPECIFIED.encode())
    assert [one.verifier for one in policy.logs] == [LOG]
    assert [one.verifier for one in policy.witnesses] == WITNESSES
    assert policy.witnesses[1].url == "https://x2.example/prefix"
    x1, x2, x3, y1, y2, y3 = WITNESSES
    assert policy.is_met_by([x1, x3, y2])
    assert not policy.is_met_by([x1, y1, y2, y3])
    assert not policy.is_met_by([x1, x2, x3])
    assert not policy.is_met_by([])


def test_a_single_witness_may_be_the_quorum_and_none_asks_for_nobody() -> None:
    one = parse_policy(f"witness one {A}\nquorum one\n".encode())
    assert one.is_met_by([WITNESSES[0]])
    assert not one.is_met_by(WITNESSES[1:])
    nobody = parse_policy(b"quorum none\n")
    assert nobody.quorum is None
    assert nobody.is_met_by([])


def test_names_are_octets_and_not_letters() -> None:
    text = f"witness K {A}\nwitness \u212a {B}\nwitness \\xff {C}\nquorum \u212a\n".encode()
    text = text.replace(b"\\xff", b"\xff")
    policy = parse_policy(text)
    assert [one.name for one in policy.witnesses] == [b"K", "\u212a".encode(), b"\xff"]
    assert policy.is_met_by([WITNESSES[1]])
    assert not policy.is_met_by([WITNESSES[0]])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "newline"),
        ("quorum none", "newline"),
        ("# nothing\n", "no quorum"),
        ("quorum none\nquorum none\n", "exactly one"),
        ("quorum\n", "exactly one"),
        ("quorum a b\n", "exactly one"),
        ("quorum a\n", "not defined"),
        ("quorum none\r\n", "control"),
        ("quorum\u000bnone\n", "control"),
        ("quorum none\x7f\n", "control"),
        ("quorum\u00a0none\n", "no keyword"),
        ("Quorum none\n", "no keyword"),
        ("witnes a b\nquorum none\n", "no keyword"),
        (f"log {LOG.vkey} u v\nquorum none\n", "not `log"),
        ("log\nquorum none\n", "not `log"),
        (f"log {LOG.vkey}\nlog {LOG.vkey}\nquorum none\n", "twice"),
        (f"witness a {A}\nwitness b {A}\nquorum a\n", "twice"),
        (f"witness a {A}\nwitness a {B}\nquorum a\n", "taken"),
        (f"witness none {A}\nquorum none\n", "taken"),
        (f"witness a {A}\ngroup a any a\nquorum a\n", "taken"),
        (f"witness a {A}\ngroup none any a\nquorum none\n", "taken"),
        (f"witness a {A[:-4]}\nquorum a\n", "line 1"),
        (f"witness {A}\nquorum none\n", "not `witness"),
        (f"witness a {A} u v\nquorum a\n", "not `witness"),
        ("group g any\nquorum none\n", "written"),
        ("group g any a\nquorum g\n", "not defined"),
        (f"group g any a\nwitness a {A}\nquorum g\n", "not defined"),
        (f"witness a {A}\ngroup g any g\nquorum g\n", "not defined"),
        (f"witness a {A}\ngroup g any none\nquorum g\n", "not defined"),
        (f"witness a {A}\ngroup g any a a\nquorum g\n", "member twice"),
        (f"witness a {A}\ngroup g any a\ngroup h any a\nquorum h\n", "member twice"),
        (f"witness a {A}\ngroup g 0 a\nquorum g\n", "neither"),
        (f"witness a {A}\ngroup g 01 a\nquorum g\n", "neither"),
        (f"witness a {A}\ngroup g -1 a\nquorum g\n", "neither"),
        (f"witness a {A}\ngroup g \u0661 a\nquorum g\n", "neither"),
        (f"witness a {A}\ngroup g 99999 a\nquorum g\n", "neither"),
        (f"witness a {A}\ngroup g 2 a\nquorum g\n", "never"),
        (f"witness a {A}\nquorum a\ngroup g any a b\n", "not defined"),
    ],
)
def test_a_policy_that_is_wrong_decides_nothing(text: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        parse_policy(text.encode())


def test_keys_of_other_kinds_are_unsupported_and_not_wrong() -> None:
    for text in (f"witness a {LOG.vkey}\nquorum a\n", f"log {A}\nquorum none\n"):
        with pytest.raises(UnsupportedError):
            parse_policy(text.encode())


def test_what_is_too_large_is_not_judged() -> None:
    with pytest.raises(LimitError):
        parse_policy(b"#" * (1024 * 1024) + b"\nquorum none\n")
    with pytest.raises(LimitError):
        parse_policy(f"witness a {A}\n".encode() + b"quorum a\n" + _groups(999))


def _groups(count: int) -> bytes:
    chain = (f"group g{n} any {f'g{n - 1}' if n else 'a'}\n" for n in range(count))
    return "".join(chain).encode()


def test_a_thousand_nested_groups_are_evaluated_without_recursion() -> None:
    lines = [f"witness a {A}", "group g0 any a"]
    lines += [f"group g{n} all g{n - 1}" for n in range(1, 990)]
    policy = parse_policy("".join(f"{one}\n" for one in [*lines, "quorum g989"]).encode())
    assert policy.is_met_by([WITNESSES[0]])
    assert not policy.is_met_by([WITNESSES[1]])


@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_only_our_errors(data: bytes) -> None:
    with pytest.raises(WeightmarkError):
        parse_policy(data + b"\nquorum nobody-like-this\n")


@given(st.lists(st.sampled_from(SPECIFIED.split(" ")), max_size=30))
def test_shuffled_words_raise_only_our_errors(words: list[str]) -> None:
    with suppress(WeightmarkError):
        parse_policy(" ".join(words).encode())


# --- against the recursive definition -----------------------------------------------------------------

Tree: TypeAlias = "int | tuple[int, Sequence[Tree]]"
"""a witness by number, or a threshold with members"""


@st.composite
def forests(draw: st.DrawFn) -> Tree:
    """A tree in which every witness stands at most once."""
    parts: list[Tree] = []
    parts += draw(st.permutations(range(6)))[: draw(st.integers(1, 6))]
    while len(parts) > 1:
        taken = draw(st.integers(1, len(parts)))
        members, parts = parts[:taken], parts[taken:]
        parts.append((draw(st.integers(1, taken)), members))
        if draw(st.booleans()):
            parts = parts[1:] + parts[:1]
    return parts[0]


def _witnessed(tree: Tree, saw: set[int]) -> bool:
    if isinstance(tree, int):
        return tree in saw
    threshold, members = tree
    return sum(_witnessed(member, saw) for member in members) >= threshold


def _write(tree: Tree, lines: list[str], names: Mapping[int, str]) -> str:
    if isinstance(tree, int):
        return names[tree]
    threshold, members = tree
    inside = [_write(member, lines, names) for member in members]
    name = f"g{len(lines)}"
    lines.append(f"group {name} {threshold} {' '.join(inside)}")
    return name


@settings(max_examples=200)
@given(forests(), st.sets(st.integers(0, 5)))
def test_a_quorum_is_met_as_its_recursive_definition_says(tree: Tree, saw: set[int]) -> None:
    names = {number: f"w{number}" for number in range(6)}
    lines = [f"witness w{number} {one.vkey}" for number, one in enumerate(WITNESSES)]
    lines.append(f"quorum {_write(tree, lines, names)}")
    policy = parse_policy("".join(f"{line}\n" for line in lines).encode())
    assert policy.is_met_by([WITNESSES[n] for n in saw]) == _witnessed(tree, saw)
