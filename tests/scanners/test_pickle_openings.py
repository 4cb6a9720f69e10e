"""What the machine asks of each text at once never hides a text that has to be looked into."""

import base64
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.attacks.scan_builders import EVIL, SYSTEM, rules, text
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import Limits
from weightmark.scanners.pickles.judge import Judge
from weightmark.scanners.pickles.openings import HEAD, LEAST_TEXT, begins_text, opens_text
from weightmark.scanners.pickles.remainder import _is_no_text, _openings
from weightmark.scanners.pickles.run import run

STAGE = b"\x80\x04" + SYSTEM + b"(S'echo x'\ntR."
LETTERS = st.text(st.sampled_from("AZaz09+/_-= \n\r\x80ci.osyem("), max_size=80)


@given(st.one_of(st.text(max_size=80), LETTERS))
@example(STAGE.decode("latin-1"))
@example(EVIL.decode())
@example(base64.b64encode(STAGE).decode())
@example(STAGE.hex())
def test_a_text_that_begins_like_a_pickle_is_never_passed_over(value: str) -> None:
    head = value.encode("utf-8", "surrogatepass")[:HEAD]
    if begins_text(head):
        assert opens_text(head)


@given(
    st.integers(0, 255),
    st.binary(max_size=300) | st.text(max_size=120).map(str.encode) | st.just(b"\xed\xa0\x80" * 90),
    st.sampled_from([b"", b".", b"\x8c\x06system\x93.", b"0" + SYSTEM + b"(S'echo x'\ntR."]),
)
@example(2, b"os", b"\x8c\x06system\x93.")
@example(255, b"\xed\xa0\x80" * 85, SYSTEM + b"(S'echo x'\ntR.")
def test_a_short_text_is_skipped_only_where_a_loader_fails_at_it(
    length: int, content: bytes, after: bytes
) -> None:
    data = b"\x8c" + bytes([length]) + content + after
    if not _is_no_text(data[:HEAD]):
        return
    place = Place.file(MemoryView(data))
    examination = Examination("model.bin", Limits.default(), lambda _place, _examination: True)
    judge = Judge(place, examination)
    ended = run(place.view, 0, judge, examination.budget)
    assert ended.error
    assert ended.opcodes <= 1
    assert not judge.globals


FORMS = {
    "letters": STAGE.decode("latin-1"),
    "lines": EVIL.decode().ljust(LEAST_TEXT),
    "base64": base64.b64encode(STAGE).decode(),
    "base64 for addresses": base64.urlsafe_b64encode(STAGE).decode(),
    "hexadecimal digits": STAGE.hex(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("before", [0, 4000, 262_100])
def test_a_pickle_in_a_text_is_found_wherever_the_window_ends(form: str, before: int) -> None:
    filling = b"B" + before.to_bytes(4, "little") + bytes(before) + b"0"
    short = b"\x80\x04" + filling + text(FORMS[form]) + b"."
    raw = FORMS[form].encode()
    long = b"\x80\x02" + filling + b"X" + len(raw).to_bytes(4, "little") + raw + b"."
    assert "PKL001" in rules(short)
    assert "PKL001" in rules(long)


_ONE_OPENING = re.compile(
    rb"\x80[\x00-\x05][(-)0-2F-NP-TVX\]a-eg-jl-u}\x80-\x98]|\x8c[\x01-\x7f][A-Za-z_][\w.]"
    rb"|[ci][A-Za-z_][\w.]{0,99}\n[A-Za-z_][\w.]{0,99}\n",
    re.DOTALL,
)


@given(
    st.lists(
        st.sampled_from([b"\x80", b"\x8c", b"c", b"i", b"\x02", b"abc", b"_", b".", b"\n", b"("])
    ).map(b"".join)
    | st.binary()
)
def test_openings_of_four_kinds_are_found_as_by_one_expression(data: bytes) -> None:
    found = [opening.start() for opening in _ONE_OPENING.finditer(data)]
    assert list(_openings(data)) == found
