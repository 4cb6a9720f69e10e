"""Tags of YAML that are hidden from a search, and documents that are slow to read."""

import struct

import pytest

from tests.attacks.scan_builders import scan
from weightmark.scanners.repository.yaml_documents import parse_yaml
from weightmark.scanners.scan import Outcome, Severity

TAG = "a: !!python/object/apply:os.system [echo x]\n"

HIDDEN: dict[str, bytes] = {
    "behind a long comment": b"#" * (1 << 20) + b"\n" + TAG.encode(),
    "across two blocks": b"#" * ((1 << 20) - 12) + b"\n" + TAG.encode(),
    "letters as numbers": b"a: !!p%79thon/object/apply:os.system [echo x]\n",
    "all letters as numbers": b"a: !!%70%79%74%68%6f%6E%2Fobject/apply:os.system [echo x]\n",
    "whole name as numbers": b"a: !<%74ag:yaml.org,2002:p%79thon/object/apply:os.system> [echo x]\n",
    "UTF-16": TAG.encode("utf-16"),
    "UTF-16 of the other order": b"\xfe\xff" + TAG.encode("utf-16-be"),
    "handle of its own": b"%TAG !p! tag:yaml.org,2002:python/\n---\na: !p!object/apply:os.system [echo x]\n",
}


@pytest.mark.parametrize("name", ["settings.cfg", "notes.txt", "config.yaml"])
@pytest.mark.parametrize("case", HIDDEN)
def test_tag_is_found_wherever_it_stands(case: str, name: str) -> None:
    found = scan(HIDDEN[case], name=name)
    assert "REP009" in {finding.rule for finding in found.findings}, found
    assert max(finding.severity for finding in found.findings) is Severity.HIGH


def test_text_about_tags_is_quiet() -> None:
    for text in (
        "Never load `!!python/object/apply:os.system`: it is unsafe.\n",
        "wow!!p 50%TAG !<tag> <!doctype>\n",
        "A\n```\na: !!python/name:os.system\n```\n: x: y\n",
    ):
        found = scan(text.encode(), name="notes.txt")
        assert (found.findings, found.problems) == ((), ()), found


def test_long_text_with_a_tag_that_only_one_parser_might_read_is_unchecked() -> None:
    broken = TAG.encode() + b"b: [" + b"x\\z," * 60_000 + b"\n"
    assert scan(broken, name="settings.cfg").outcome is Outcome.UNCHECKED
    prose = b"see !!python/object: it is\n: unsafe\n" * 9000
    assert scan(prose, name="notes.txt").problems == ()


SLOW = {
    "a list that does not end": b"a: !x [" + b"a," * 80_000,
    "an escape that does not end": b'a: !x ["' + b"\\x41" * 40_000,
    "keys without values": b"a: !x\n" + b"- ? a\n" * 25_000 + b"\n]",
}


@pytest.mark.parametrize("case", SLOW)
def test_long_broken_document_is_read_by_the_faster_parser_only(case: str) -> None:
    """The parser in Python needs about ten times as long as the other."""
    assert len(SLOW[case]) > 1 << 17
    assert parse_yaml(SLOW[case], what="it", nesting=800).is_partial
    assert scan(SLOW[case], name="m.yaml").outcome is Outcome.UNCHECKED


def test_nodes_of_a_store_that_share_bytes_are_unchecked() -> None:
    """Each of many nodes says that it goes on to the end of the file."""
    size, out = 1 << 20, bytearray()
    while len(out) < size:
        out += b"\x0c\xdb\x20\xde" + struct.pack("<Q", max(50, size - len(out) - 20)) + b"\0\0"
    found = scan(bytes(out), name="d/" + "a" * 32)
    assert any("share bytes" in problem for problem in found.problems), found
    assert len(found.findings) < 8
