"""The proof check's script under Node: the same answers as our Python, and each forgery named."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.browser.proof_script import ProofScript
from tests.browser.trees import LOG, OTHER, STRANGER, checkpoint_of, entries_of, prove, tree
from weightmark.errors import Exit, WeightmarkError
from weightmark.provenance.ledger.checkpoint import Checkpoint
from weightmark.provenance.ledger.event import Event, Kind
from weightmark.provenance.ledger.merkle import leaf_hash, node_hash, tree_root
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier, SignatureLine
from weightmark.provenance.ledger.proof import Proof, format_proof, verify_proof

pytestmark = pytest.mark.needs("node")

ENTRIES = entries_of(11)
STATES = {Exit.GOOD: "proven", Exit.BAD: "failed", Exit.UNCHECKED: "unchecked"}


def judge_in_python(receipt: bytes, leaf: bytes, verifier: NoteVerifier) -> str:
    """Return the state that our Python finds."""
    try:
        verify_proof(receipt, leaf, verifier)
    except WeightmarkError as error:
        return STATES[error.exit]
    return "proven"


def test_the_published_vectors_are_proven(script: ProofScript, vectors: Path) -> None:
    known = json.loads((vectors / "tlog" / "vectors.json").read_text())
    vkey = known["keys"]["log"]["vkey"]
    leaf = bytes.fromhex(known["entries_hex"][5])
    answer = script.receipt(known["tlog_proof_5_of_8"].encode(), leaf, vkey)
    expected = {"state": "proven", "index": "5", "size": "8", "root": known["roots_hex"]["8"]}
    assert answer == expected
    for number, paths in known["paths"].items():
        for level, width, name in ((0, 256, "hash_l0"), (2, 256, "hash_l2"), (0, 17, "partial_17")):
            asked = script.ask("tile", level=level, number=number, width=width)
            assert asked["path"] == paths[name]


def test_the_published_log_of_thirteen_is_proven(script: ProofScript, vectors: Path) -> None:
    log = vectors / "tlog" / "log13"
    vkey = json.loads((log / "keys.json").read_text())["vkey"]
    receipt = (log / "proof.tlog-proof").read_bytes()
    assert script.receipt(receipt, (log / "entry.bin").read_bytes(), vkey)["state"] == "proven"
    assert script.receipt(receipt, b"another entry", vkey)["state"] == "failed"


def test_a_key_is_read_as_python_reads_it(script: ProofScript) -> None:
    answer = script.ask("key", vkey=LOG.verifier.vkey)
    assert answer["fingerprint"] == LOG.verifier.fingerprint
    assert answer["id"] == LOG.verifier.key_id.hex()


@given(entries=st.lists(st.binary(max_size=40), min_size=1, max_size=70), data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_entry_of_every_tree_is_proven(
    script: ProofScript, entries: list[bytes], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    proof = prove(index, entries, extra=entries[index])
    answer = script.receipt(format_proof(proof), None, LOG.verifier)
    assert answer["state"] == "proven"
    assert (answer["index"], answer["size"]) == (str(index), str(len(entries)))


GOOD = format_proof(prove(6, ENTRIES))


@given(at=st.integers(0, len(GOOD) - 1), change=st.integers(1, 255))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_byte_anywhere_is_refused(script: ProofScript, at: int, change: int) -> None:
    damaged = bytearray(GOOD)
    damaged[at] ^= change
    assert script.receipt(bytes(damaged), ENTRIES[6], LOG.verifier)["state"] == "failed"


_PIECES = GOOD.split(b"\n")
_ODD = st.sampled_from(
    [
        b"",
        b"\n",
        b"\r\n",
        b" ",
        b"\0",
        b"\x85",
        "\u2028".encode(),
        b"\xef\xbb\xbf",
        b"=",
        b"index 6",
        b"index 06",
        b"extra ",
        b"extra AA==",
        b"c2sp.org/tlog-proof@v1",
        "\u2014 ".encode(),
        "\u2014 log.example/models AAAA".encode(),
        LOG.line(b"another text\n").strip(),
        STRANGER.line(b"another text\n").strip(),
    ]
)


@given(
    pieces=st.permutations(range(len(_PIECES))).flatmap(
        lambda order: st.lists(st.sampled_from(order), max_size=len(order) + 2)
    ),
    odd=st.lists(st.tuples(st.integers(0, 12), _ODD), max_size=3),
    keep=st.booleans(),
)
@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_node_and_python_judge_alike(
    script: ProofScript, pieces: list[int], odd: list[tuple[int, bytes]], *, keep: bool
) -> None:
    lines = list(_PIECES) if keep else [_PIECES[one] for one in pieces]
    for at, piece in odd:
        lines.insert(at, piece)
    receipt = b"\n".join(lines)
    expected = judge_in_python(receipt, ENTRIES[6], LOG.verifier)
    assert script.receipt(receipt, ENTRIES[6], LOG.verifier)["state"] == expected


def sign_again(text: bytes, signer: NoteSigner) -> bytes:
    """Write a note over any text, also one that `NoteSigner` refuses to sign."""
    signature = Ed25519PrivateKey.from_private_bytes(signer.seed).sign(text)
    line = SignatureLine(signer.name, signer.verifier.key_id, signature)
    return text + b"\n" + line.to_bytes()


def colliding(signer: NoteSigner, text: bytes) -> bytes:
    """A line with the pinned key's name and id, signed by another key."""
    signed = base64.b64decode(signer.line(text).rsplit(b" ", 1)[1])
    return SignatureLine(LOG.name, LOG.verifier.key_id, signed[4:]).to_bytes()


TEXT = Checkpoint(LOG.name, len(ENTRIES), tree_root(tree(ENTRIES), len(ENTRIES))).to_text()
PATH = prove(6, ENTRIES).hashes
LONE = Checkpoint(LOG.name, 1, leaf_hash(b"x")).to_text()

FORGED = {
    "a hash of the path is flipped": Proof(6, (b"\0" * 32, *PATH[1:]), checkpoint_of(ENTRIES)),
    "another index": Proof(7, PATH, checkpoint_of(ENTRIES)),
    "an index beyond the log": Proof(11, PATH, checkpoint_of(ENTRIES)),
    "the largest index": Proof(2**63 - 1, PATH, checkpoint_of(ENTRIES)),
    "the path is truncated": Proof(6, PATH[:-1], checkpoint_of(ENTRIES)),
    "the path is longer": Proof(6, (*PATH, b"\1" * 32), checkpoint_of(ENTRIES)),
    "no path at all": Proof(6, (), checkpoint_of(ENTRIES)),
    "another size, signed": prove(6, ENTRIES, size=40),
    "size 0, signed": prove(6, ENTRIES, size=0),
    "signed by another key of the same name": prove(6, ENTRIES, signer=OTHER),
    "signed by a stranger": prove(6, ENTRIES, signer=STRANGER),
    "another origin under the pinned key": Proof(
        6, PATH, sign_again(TEXT.replace(b"log.example/models", b"log.example/others"), LOG)
    ),
    "a key id that collides": Proof(6, PATH, TEXT + b"\n" + colliding(OTHER, TEXT)),
    "a good line and a bad one of the pinned key": Proof(
        6, PATH, TEXT + b"\n" + LOG.line(TEXT) + colliding(OTHER, TEXT)
    ),
    "a bad line of the pinned key before a good one": Proof(
        6, PATH, TEXT + b"\n" + colliding(OTHER, TEXT) + LOG.line(TEXT)
    ),
    "the signature of another checkpoint": Proof(6, PATH, TEXT + b"\n" + LOG.line(LONE)),
    "a root that is not 32 bytes": Proof(
        6, PATH, sign_again(f"{LOG.name}\n11\nAAAA\n".encode(), LOG)
    ),
    "a size with a leading zero": Proof(
        6, PATH, sign_again(TEXT.replace(b"\n11\n", b"\n011\n"), LOG)
    ),
    "a size over 63 bits": Proof(
        6, PATH, sign_again(TEXT.replace(b"\n11\n", b"\n9223372036854775808\n"), LOG)
    ),
    "a text after the blank line": Proof(6, PATH, sign_again(TEXT + b"\nmore\n", LOG)),
    "a carriage return, signed": Proof(6, PATH, sign_again(TEXT.replace(b"11\n", b"11\r\n"), LOG)),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_receipt_fails(script: ProofScript, name: str) -> None:
    receipt = format_proof(FORGED[name])
    answer = script.receipt(receipt, ENTRIES[6], LOG.verifier)
    assert answer["state"] == "failed", answer
    assert judge_in_python(receipt, ENTRIES[6], LOG.verifier) == "failed"


def loosely(line: bytes) -> bytes:
    """Write the base64 at the end of a line so that its unused bits are set: it decodes to the same bytes."""
    body, last = line.removesuffix(b"\n").removesuffix(b"=")[:-1], line.rstrip(b"=\n")[-1:]
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return body + alphabet[alphabet.index(last) + 1 :][:1] + b"=" + b"\n" * line.endswith(b"\n")


def far_entry() -> bytes:
    """Prove entry 0 of a log of 2**63 entries, one more than a log can have."""
    path, root = [b"\2" * 32] * 63, leaf_hash(ENTRIES[6])
    for sibling in path:
        root = node_hash(root, sibling)
    note = sign_again(f"{LOG.name}\n{2**63}\n{base64.b64encode(root).decode()}\n".encode(), LOG)
    return format_proof(Proof(0, tuple(path), note))


def with_note(note: bytes) -> bytes:
    return format_proof(Proof(6, PATH, note))


FIRST, SECOND = (base64.b64encode(one) for one in PATH[:2])
MISREAD = {
    "a hash in loose base64": GOOD.replace(FIRST, loosely(FIRST)),
    "the root in loose base64": with_note(
        sign_again(
            b"".join([*TEXT.splitlines(keepends=True)[:2], loosely(TEXT.splitlines()[2]), b"\n"]),
            LOG,
        )
    ),
    "a signature in loose base64": with_note(TEXT + b"\n" + loosely(LOG.line(TEXT))),
    "two hashes on a line": GOOD.replace(FIRST + b"\n" + SECOND, FIRST + SECOND),
    "a space after a hash": GOOD.replace(FIRST, FIRST + b" "),
    "carriage returns": GOOD.replace(b"\n", b"\r\n"),
    "an index with a leading zero": GOOD.replace(b"index 6", b"index 06"),
    "an index with a sign": GOOD.replace(b"index 6", b"index +6"),
    "an index in other digits": GOOD.replace(b"index 6", "index \u0666".encode()),
    "a later header": GOOD.replace(b"@v1", b"@v10"),
    "a mark of byte order": b"\xef\xbb\xbf" + GOOD,
    "an extra line that is not base64": GOOD.replace(b"index 6", b"extra \xc3\xa9\nindex 6"),
    "an extra line after the index": GOOD.replace(b"index 6", b"index 6\nextra AA=="),
    "a tab in a signed extension": with_note(sign_again(TEXT + b"an\textension\n", LOG)),
    "an empty extension line": with_note(sign_again(TEXT + b"one\n\ntwo\n", LOG)),
    "a stranger's line without a signature": with_note(
        TEXT + b"\n" + LOG.line(TEXT) + "\u2014 stranger AAAAAA==\n".encode()
    ),
    "a stranger's name that is not UTF-8": with_note(
        TEXT + b"\n" + LOG.line(TEXT) + STRANGER.line(TEXT).replace(b"stranger", b"str\xffnger")
    ),
    "a stranger's name with a space": with_note(
        TEXT
        + b"\n"
        + LOG.line(TEXT)
        + STRANGER.line(TEXT).replace(b"stranger", "str\u2003nger".encode())
    ),
    "a hyphen for the dash": with_note(
        TEXT + b"\n" + LOG.line(TEXT).replace("\u2014".encode(), b"-")
    ),
    "a log of 2**63 entries": far_entry(),
}


@pytest.mark.parametrize("name", MISREAD)
def test_what_is_not_exactly_the_format_is_refused(script: ProofScript, name: str) -> None:
    assert script.receipt(MISREAD[name], ENTRIES[6], LOG.verifier)["state"] == "failed"
    assert judge_in_python(MISREAD[name], ENTRIES[6], LOG.verifier) == "failed"


def test_strangers_lines_and_extension_lines_change_nothing(script: ProofScript) -> None:
    extended = TEXT + b"an extension\n"
    for note in (
        TEXT + b"\n" + STRANGER.line(b"any\n") + LOG.line(TEXT) + OTHER.line(TEXT),
        sign_again(extended, LOG),
    ):
        receipt = format_proof(Proof(6, PATH, note))
        assert script.receipt(receipt, ENTRIES[6], LOG.verifier)["state"] == "proven"


def test_an_entry_that_looks_like_a_node_is_not_proven(script: ProofScript) -> None:
    read = tree(ENTRIES)
    inner = read(0, 6) + read(0, 7)
    note = checkpoint_of(ENTRIES)
    receipt = format_proof(Proof(3, PATH[1:], note))
    assert script.receipt(receipt, inner, LOG.verifier)["state"] == "failed"


@pytest.mark.parametrize(
    ("vkey", "state"),
    [
        ("", "failed"),
        ("name", "failed"),
        ("a b+00000000+AQ==", "failed"),
        (LOG.verifier.vkey + "\n", "failed"),
        (LOG.verifier.vkey.replace("+", "+0", 1), "failed"),
        (LOG.verifier.vkey[:-1], "failed"),
        (OTHER.verifier.vkey.replace("log.example", "xog.example"), "failed"),
        (NoteVerifier("weak", bytes(32)).vkey, "failed"),
        (NoteVerifier("weak", b"\x01" + bytes(31)).vkey, "failed"),
        (NoteVerifier("weak", (2**255 - 18).to_bytes(32, "little")).vkey, "failed"),
        ("w+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X", "unchecked"),
    ],
)
def test_what_is_no_sound_key_is_not_pinned(script: ProofScript, vkey: str, state: str) -> None:
    assert script.ask("key", vkey=vkey)["state"] == state
    with pytest.raises(WeightmarkError) as caught:
        NoteVerifier.parse(vkey)
    assert STATES[caught.value.exit] == state


@pytest.mark.parametrize("without", ["subtle", "ed25519"])
def test_an_old_browser_proves_nothing(script: ProofScript, without: str) -> None:
    answer = script.receipt(GOOD, ENTRIES[6], LOG.verifier, without=without)
    assert answer["state"] == "unchecked"
    assert "this browser" in answer["says"]
    assert script.receipt(GOOD, ENTRIES[6], LOG.verifier)["state"] == "proven"


@pytest.mark.parametrize(
    "receipt",
    [GOOD + b"\n" * 1024 * 1024, format_proof(Proof(6, PATH, TEXT + b"\n" + LOG.line(TEXT) * 101))],
    ids=["over 1 MiB", "over 100 signatures"],
)
def test_a_limit_that_is_hit_is_could_not_be_checked(script: ProofScript, receipt: bytes) -> None:
    assert script.receipt(receipt, ENTRIES[6], LOG.verifier)["state"] == "unchecked"
    assert judge_in_python(receipt, ENTRIES[6], LOG.verifier) == "unchecked"


EVENT = Event(
    kind=Kind.RELEASE,
    origin=LOG.name,
    event_id="one",
    claim_id="a" * 64,
    claim_sha256="b" * 64,
    request_sha256="c" * 64,
    subject="wm1:" + "d" * 64,
    signer="key:" + "e" * 64,
    submitter="key:" + "f" * 64,
    at="2026-01-02T03:04:05Z",
)
LEAF = EVENT.to_bytes()


def test_an_event_is_read_from_the_proven_bytes(script: ProofScript) -> None:
    answer = script.ask("event", leaf=base64.b64encode(LEAF).decode(), origin=LOG.name)
    assert answer["state"] == "proven"
    assert answer["event"]["kind"] == "release"


@pytest.mark.parametrize(
    ("leaf", "state"),
    [
        (LEAF.replace(b'"v":1', b'"v":2'), "unchecked"),
        (LEAF.replace(b'"v":1', b'"v":1.0'), "failed"),
        (LEAF.replace(b'"v":1', b'"v":0'), "failed"),
        (LEAF.replace(b'"v":1', b'"v":true'), "failed"),
        (LEAF.replace(b'"v":1', b'"v":"1"'), "failed"),
        (LEAF.replace(b'"v":1', b'"v":1,"v":1'), "failed"),
        (LEAF.replace(b'"at"', b'"kind":"revoke","at"'), "failed"),
        (LEAF.replace(b'"at"', b'"aa":"","at"'), "failed"),
        (LEAF.replace(b":", b": ", 1), "failed"),
        (LEAF.replace(b'"event_id":"one"', b'"event_id":["one"]'), "failed"),
        (LEAF.replace(b'"event_id":"one"', b'"event_id":"\\u006fne"'), "failed"),
        (LEAF.replace(b"log.example", b"xog.example"), "failed"),
        (LEAF + b"\n", "failed"),
        (b"\xff" + LEAF, "failed"),
        (b"null", "failed"),
        (b"[]", "failed"),
    ],
)
def test_a_leaf_that_is_no_event_of_this_log_is_not_shown(
    script: ProofScript, leaf: bytes, state: str
) -> None:
    answer = script.ask("event", leaf=base64.b64encode(leaf).decode(), origin=LOG.name)
    assert answer["state"] == state
