"""What the machine asks of each text at once never hides a text that has to be looked into."""

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.attacks.scan_builders import EVIL, SYSTEM, rules, text
from weightmark.scanners.pickles.openings import HEAD, LEAST_TEXT, begins_text, opens_text

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
