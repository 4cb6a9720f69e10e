"""How an answer looks, and that a hostile name cannot change how it looks."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from weightmark.cli.render import (
    FORMATS,
    CheckLine,
    Document,
    FindingLine,
    Outcome,
    Style,
    renderer,
)
from weightmark.errors import Exit
from weightmark.visible import visible

_SCHEMAS = Path(__file__).parents[2] / "weightmark" / "cli" / "render" / "schemas"

_REFUSED = Document(
    "weightmark/verify/v1",
    Exit.BAD,
    verdict="refused",
    headline="not verified: 1 of 3 checks failed",
    checks=(
        CheckLine(Outcome.PASS, "signature", "by sha256:ab"),
        CheckLine(Outcome.UNCHECKED, "claims", "none", "nobody claimed", "ask"),
        CheckLine(Outcome.FAIL, "files", "1 of 5 differs", "not what was signed", "get it anew", ("changed: `a`",)),
    ),
    findings=(
        FindingLine("PKL001", "critical", "calls a system function", "m.bin!data.pkl", 0x5E, "runs code", "use safetensors"),
        FindingLine("TNS001", "low", "odd header", "m.safetensors"),
    ),
    facts={"identity": "wm1:ab"},
)  # fmt: skip

_REFUSED_TEXT = """\
✓ signature    by sha256:ab
? claims       none
  = why: nobody claimed
  = help: ask
✗ files        1 of 5 differs
    changed: `a`
  = why: not what was signed
  = help: get it anew
error[PKL001]: calls a system function (critical)
 --> m.bin!data.pkl, byte 0x5e
  = why: runs code
  = help: use safetensors
  = more: weightmark explain PKL001
warning[TNS001]: odd header (low)
 --> m.safetensors
  = more: weightmark explain TNS001
✗ not verified: 1 of 3 checks failed                                           [exit 1]
"""


def test_text_of_a_refusal() -> None:
    assert renderer("text").render(_REFUSED, Style()) == _REFUSED_TEXT


def test_long_names_keep_the_summaries_in_one_column() -> None:
    checks = (CheckLine(Outcome.PASS, "a", "x"), CheckLine(Outcome.PASS, "model signature", "x"))
    text = renderer("text").render(Document("weightmark/x/v1", Exit.GOOD, checks=checks), Style())
    assert text == "✓ a               x\n✓ model signature x\n"


def test_quiet_leaves_out_what_passed_and_nothing_else() -> None:
    quiet = renderer("text").render(_REFUSED, Style(quiet=True))
    assert quiet == _REFUSED_TEXT.partition("\n")[2]


def test_the_exit_code_is_shown_when_it_is_good_only_on_request() -> None:
    good = Document("weightmark/verify/v1", Exit.GOOD, headline="verified")
    assert renderer("text").render(good, Style()) == "✓ verified\n"
    assert renderer("text").render(good, Style(verbose=1)).endswith(" [exit 0]\n")


def test_colour_and_marks_never_carry_meaning_alone() -> None:
    plain = renderer("text").render(_REFUSED, Style(unicode=False))
    assert plain.isascii()
    colored = renderer("text").render(_REFUSED, Style(color=True))
    assert "\x1b[31m✗\x1b[0m" in colored
    for code in (2, 31, 32, 33, 0):
        colored = colored.replace(f"\x1b[{code}m", "")
    assert colored == _REFUSED_TEXT


def test_json_follows_the_published_envelope() -> None:
    schema = json.loads((_SCHEMAS / "envelope.schema.json").read_text())
    text = renderer("json").render(_REFUSED, Style())
    Draft202012Validator(schema).validate(json.loads(text))
    assert text == renderer("json").render(_REFUSED, Style(color=True, quiet=True))
    assert json.loads(text)["identity"] == "wm1:ab"


def test_a_fact_cannot_hide_the_verdict() -> None:
    with pytest.raises(ValueError, match="verdict"):
        renderer("json").render(
            Document("weightmark/x/v1", Exit.BAD, facts={"verdict": "good"}), Style()
        )


@pytest.mark.parametrize("path", sorted(_SCHEMAS.glob("*.json")), ids=lambda path: path.name)
def test_every_published_schema_is_a_schema(path: Path) -> None:
    Draft202012Validator.check_schema(json.loads(path.read_text()))


def test_a_file_name_cannot_forge_a_line_erase_one_or_reverse_one() -> None:
    hostile = "a\n✓ verified\r\x1b[2K\x1b]0;title\x07\u202egnp.exe\u2066\u200b\x9b31m"
    document = Document(
        "weightmark/verify/v1",
        Exit.BAD,
        headline=hostile,
        checks=(CheckLine(Outcome.FAIL, hostile, hostile, hostile, hostile, (hostile,)),),
        findings=(FindingLine(hostile, hostile, hostile, hostile, 1, hostile, hostile),),
        lines=(hostile,),
    )
    text = renderer("text").render(document, Style())
    assert all(char.isprintable() or char == "\n" for char in text)
    assert not any(line.startswith("✓") for line in text.splitlines())


@given(st.text())
def test_visible_text_is_printable_and_one_line(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert shown == text or not text.isprintable()


@given(st.binary(max_size=40))
def test_any_file_name_can_be_shown_in_every_form(raw: bytes) -> None:
    name = raw.decode("utf-8", "surrogateescape")
    document = Document("weightmark/x/v1", Exit.GOOD, facts={name: [name]}, lines=(name,))
    for form in FORMATS:
        renderer(form).render(document, Style()).encode("utf-8")


def test_what_two_checks_have_in_common_is_told_once_and_never_hidden_by_a_passed_one() -> None:
    def said(*outcomes: Outcome) -> str:
        checks = tuple(
            CheckLine(one, f"c{n}", "s", "the reason", "the help") for n, one in enumerate(outcomes)
        )
        document = Document("weightmark/verify/v1", Exit.BAD, checks=checks)
        return renderer("text").render(document, Style())

    assert said(Outcome.FAIL, Outcome.FAIL).count("the reason") == 1
    assert said(Outcome.PASS, Outcome.FAIL).count("the reason") == 1
    assert said(Outcome.FAIL, Outcome.FAIL).count("c1") == 1
