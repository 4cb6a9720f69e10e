"""The proof check on the real pages: green under the pinned key alone, and red for every way to lie."""

import base64
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.attestations.ledger.served import ServedLedger, serving
from tests.browser.chromium import Browser, Visitor
from tests.browser.registry import Pages
from tests.browser.trees import LOG, OTHER, prove
from tests.browser.world import ORIGIN, World
from weightmark.provenance.ledger.event import Event, Kind
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier
from weightmark.provenance.ledger.proof import format_proof

pytestmark = pytest.mark.needs("node", "playwright", "chromium")

BLOCK = re.compile(rb'(<script type="application/json" id="proof">)(.*?)(</script>)', re.DOTALL)


@pytest.fixture(scope="module")
def served(world: World) -> Iterator[ServedLedger]:
    with serving(world.ledger, "--read-only") as running:
        yield running


@pytest.fixture(scope="module")
def pages(world: World) -> Pages:
    return Pages.of(world)


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    with browser.visitor() as someone:
        yield someone


@pytest.fixture
def entry(pages: Pages) -> str:
    return pages.path("entry")


def go(visitor: Visitor, served: ServedLedger, path: str) -> str:
    """Go to a page; returns the state of its proof check."""
    visitor.visit(f"{served.url}/{path}")
    return visitor.proof()


def pin(visitor: Visitor, vkey: str) -> str:
    """Pin a key; returns the state that follows."""
    visitor.pin(vkey)
    return visitor.proof()


def test_before_a_key_is_pinned_nothing_is_proven(
    visitor: Visitor, served: ServedLedger, world: World, entry: str
) -> None:
    assert go(visitor, served, entry) == "unpinned"
    said = visitor.text("#proof-check")
    assert NoteVerifier.parse(world.vkey).fingerprint in said
    assert "no key on this page proves anything" in said
    assert visitor.texts("li[data-state=proven]") == []
    assert visitor.ask("storage")["storage"] == {}


def test_the_right_key_turns_it_green_and_is_kept(
    visitor: Visitor, served: ServedLedger, world: World, pages: Pages, entry: str
) -> None:
    go(visitor, served, entry)
    assert pin(visitor, f"  {world.vkey}\n") == "proven"
    said = visitor.text("#proof-check")
    assert world.identities["base"] in said
    assert len(visitor.texts(".proof-steps li[data-state=proven]")) == len(
        visitor.texts("li[data-state]")
    )
    for kind in ("decision", "revoke", "policy", "redact")[:3]:
        assert go(visitor, served, f"entries/{pages.index(kind)}") == "proven"
    visitor.facts().require_quiet(served.url)


def test_a_key_that_is_none_is_not_pinned(
    visitor: Visitor, served: ServedLedger, entry: str
) -> None:
    go(visitor, served, entry)
    visitor.pin("<b>key</b>")
    assert "not <name>+<key id>+<base64>" in visitor.text("[role=alert]")
    assert visitor.ask("storage")["storage"] == {}


def test_another_key_than_the_logs_is_red_and_says_which(
    visitor: Visitor, served: ServedLedger, world: World, entry: str
) -> None:
    go(visitor, served, entry)
    mine = NoteSigner(ORIGIN, OTHER.seed).verifier
    assert pin(visitor, mine.vkey) == "failed"
    said = visitor.text("#proof-check")
    assert mine.fingerprint in said
    assert NoteVerifier.parse(world.vkey).fingerprint in said
    assert visitor.texts(".proof-event") == []
    assert visitor.attributes(".proof-steps li", "data-state") == [
        "proven",
        "failed",
        "skipped",
        "skipped",
    ]


def test_signs_in_a_keys_name_that_turn_text_around_are_written_out(
    visitor: Visitor, served: ServedLedger, entry: str
) -> None:
    go(visitor, served, entry)
    pin(visitor, NoteVerifier("log\u202eexample\u200b", OTHER.verifier.public_key).vkey)
    said = visitor.text("#proof-check")
    assert "log\u27e8U+202E\u27e9example\u27e8U+200B\u27e9" in said
    assert not {"\u202e", "\u200b"} & set(said)


def test_the_key_can_be_forgotten(
    visitor: Visitor, served: ServedLedger, world: World, entry: str
) -> None:
    go(visitor, served, entry)
    pin(visitor, world.vkey)
    visitor.ask("click", selector=".proof-output button")
    assert visitor.proof() == "unpinned"
    assert world.vkey not in str(visitor.ask("storage"))


@pytest.fixture
def regular(visitor: Visitor, served: ServedLedger, world: World, entry: str) -> Visitor:
    """Somebody who pinned the right key before the server began to lie."""
    go(visitor, served, entry)
    assert pin(visitor, world.vkey) == "proven"
    return visitor


def block_of(page: bytes) -> dict[str, str]:
    found = BLOCK.search(page)
    assert found
    block: dict[str, str] = json.loads(found[2])
    return block


def with_block(page: bytes, **fields: object) -> bytes:
    """Put another data block into a page."""
    block = json.dumps({**block_of(page), **fields}).replace("<", "\\u003c").encode()
    return BLOCK.sub(lambda one: one[1] + block + one[3], page)


def forge(receipt: str, how: str) -> str:
    """Change a receipt as a server might."""
    lines = receipt.split("\n")
    hashes = range(3, lines.index(""))
    if how == "another hash":
        lines[hashes[0]] = "A" * 43 + "="
    elif how == "a truncated path":
        del lines[hashes[-1]]
    elif how == "another index":
        lines[2] = "index 2"
    elif how == "another entry":
        lines[1] = "extra e30="
    elif how == "another size":
        lines[hashes[-1] + 3] += "0"
    elif how == "no signature":
        lines[-2] = lines[-2][:-8] + "AAAAAAA="
    return "\n".join(lines)


@pytest.mark.parametrize(
    "how",
    [
        "another hash",
        "a truncated path",
        "another index",
        "another entry",
        "another size",
        "no signature",
    ],
)
def test_a_tampered_proof_is_red(
    regular: Visitor, served: ServedLedger, entry: str, how: str
) -> None:
    page = served.get(f"/{entry}").body
    forged = with_block(page, receipt=forge(block_of(page)["receipt"], how))
    regular.replace(f"/{entry}", forged)
    assert go(regular, served, entry) == "failed"


def test_the_proof_of_another_entry_is_red(
    regular: Visitor, served: ServedLedger, pages: Pages, entry: str
) -> None:
    other = block_of(served.get(f"/entries/{pages.index('scan')}").body)["receipt"]
    regular.replace(f"/{entry}", with_block(served.get(f"/{entry}").body, receipt=other))
    assert go(regular, served, entry) == "failed"
    assert "the address of entry" in regular.text("#proof-check")


def test_another_spelling_of_an_address_does_not_lead_to_another_entry(
    regular: Visitor, served: ServedLedger, pages: Pages, entry: str
) -> None:
    """A lying server may answer any address: `/entries/%37` and `/entries/7/` are entry 7 as well."""
    number = entry.rpartition("/")[2]
    other = served.get(f"/entries/{pages.index('scan')}").body
    encoded = "".join(f"%{ord(one):x}" for one in number)
    for address in (f"entries/{encoded}", f"entries/{number}/"):
        deep = other.replace(b'"../', b'"../../') if address.endswith("/") else other
        regular.replace(f"/{address}", deep)
        assert go(regular, served, address) == "failed", address
        assert f"the address of entry {number}" in regular.text("#proof-check")
    regular.replace("/entries/newest", served.get(f"/{entry}").body)
    assert go(regular, served, "entries/newest") == "unchecked"


def test_the_key_of_the_page_counts_for_nothing(
    regular: Visitor, served: ServedLedger, world: World, entry: str
) -> None:
    theirs = NoteSigner(ORIGIN, OTHER.seed).verifier.vkey
    page = served.get(f"/{entry}").body
    regular.replace(f"/{entry}", with_block(page, vkey=theirs))
    assert go(regular, served, entry) == "proven"
    assert "You pinned another" in regular.text("#proof-check")
    for odd in (None, 7, "<script>", ""):
        regular.replace(f"/{entry}", with_block(page, vkey=odd))
        assert go(regular, served, entry) == "proven"


@pytest.mark.parametrize(
    "receipt", [None, 7, "", "c2sp.org/tlog-proof@v1\n", {"a": 1}, "x" * 2_000_000]
)
def test_a_data_block_that_is_none_is_never_green(
    regular: Visitor, served: ServedLedger, entry: str, receipt: object
) -> None:
    regular.replace(f"/{entry}", with_block(served.get(f"/{entry}").body, receipt=receipt))
    assert go(regular, served, entry) in {"failed", "unchecked"}


def test_a_page_without_a_data_block_is_never_green(
    regular: Visitor, served: ServedLedger, entry: str
) -> None:
    page = served.get(f"/{entry}").body
    for body in (BLOCK.sub(b"", page), BLOCK.sub(rb"\1{\3", page), BLOCK.sub(rb"\1null\3", page)):
        regular.replace(f"/{entry}", body)
        assert go(regular, served, entry) in {"unchecked", "failed"}


def test_a_page_that_lies_about_its_entry_is_corrected_from_the_proven_bytes(
    regular: Visitor, served: ServedLedger, world: World, entry: str
) -> None:
    page = served.get(f"/{entry}").body.replace(b"release", b"approve")
    regular.replace(f"/{entry}", page)
    assert go(regular, served, entry) == "proven"
    said = regular.text(".proof-event")
    assert "release" in said
    assert world.identities["base"] in said


def test_a_browser_without_ed25519_says_that_it_could_not_check(
    browser: Browser, served: ServedLedger, world: World, entry: str
) -> None:
    for less in ("subtle", "ed25519"):
        with browser.visitor() as visitor:
            visitor.ask("cripple", less=less)
            go(visitor, served, entry)
            visitor.ask(
                "store",
                key=f"weightmark-proof:{served.url}/",
                value=json.dumps({"vkey": world.vkey}),
            )
            assert go(visitor, served, entry) == "unchecked"
            assert "this browser" in visitor.text("#proof-check")


def grow(world: World, ledger: Path, model: str) -> None:
    """Enter one more claim into a copy of the ledger, as somebody who knows of no other copy."""
    reason = ("--reason", "again", "--key", str(world.folder / "security.key"))
    home = ledger.with_name("home")
    world.run("revoke", world.identities[model], *reason, "--ledger", str(ledger), home=home)


@pytest.fixture
def copies(world: World, tmp_path: Path) -> tuple[Path, Path]:
    """Two copies of the ledger, each with an operator who does not know of the other."""
    for name in ("one", "other"):
        shutil.copytree(world.ledger, tmp_path / name / "ledger")
    return tmp_path / "one" / "ledger", tmp_path / "other" / "ledger"


def test_growth_is_followed_and_a_rollback_is_red(
    visitor: Visitor, world: World, copies: tuple[Path, Path], entry: str
) -> None:
    grown, old = copies
    with serving(grown, "--read-only") as running:
        go(visitor, running, entry)
        assert pin(visitor, world.vkey) == "proven"
        port = str(running.address[1])
    grow(world, grown, "corpus")
    with serving(grown, "--read-only", "--port", port) as running:
        assert go(visitor, running, entry) == "proven"
        assert "nothing was taken back" in visitor.text("#proof-check")
    with serving(old, "--read-only", "--port", port) as running:
        assert go(visitor, running, entry) == "failed"
        assert "taken back" in visitor.text("#proof-check")
        assert visitor.texts(".proof-event") == []


def test_two_ledgers_of_one_size_under_one_key_are_a_split_view(
    visitor: Visitor, world: World, copies: tuple[Path, Path], entry: str
) -> None:
    for ledger, model in zip(copies, ("corpus", "small"), strict=True):
        grow(world, ledger, model)
    with serving(copies[0], "--read-only") as running:
        go(visitor, running, entry)
        assert pin(visitor, world.vkey) == "proven"
        port = str(running.address[1])
    with serving(copies[1], "--read-only", "--port", port) as running:
        assert go(visitor, running, entry) == "failed"
        assert "split view" in visitor.text("#proof-check")


def test_a_site_that_hides_its_checkpoint_proves_no_receipt_of_a_fork(
    regular: Visitor, served: ServedLedger, world: World
) -> None:
    regular.replace("/checkpoint", b"not found", type_="text/plain", status=404)
    assert go(regular, served, "check") == "waiting"
    receipt = world.folder / "base" / "model.receipt"
    regular.ask("choose", selector="#proof-receipt", files=[str(receipt)])
    assert regular.proof() == "unchecked"


def test_a_receipt_is_checked_from_a_file(
    regular: Visitor, served: ServedLedger, world: World, tmp_path: Path
) -> None:
    assert go(regular, served, "check") == "waiting"
    good = world.folder / "base" / "model.receipt"
    regular.ask("choose", selector="#proof-receipt", files=[str(good)])
    assert regular.proof() == "proven"
    bad = tmp_path / "bad.tlog-proof"
    bad.write_text(forge(good.read_text(), "another hash"))
    regular.ask("choose", selector="#proof-receipt", files=[str(bad)])
    assert regular.proof() == "failed"
    regular.facts().require_quiet(served.url)


def test_the_json_of_an_entrys_page_is_a_receipt_as_well(
    regular: Visitor, served: ServedLedger, entry: str, tmp_path: Path
) -> None:
    twin = json.loads(served.get(f"/{entry}.json").body)
    good, bad, none = (tmp_path / one for one in ("good.json", "bad.json", "none.json"))
    good.write_text(json.dumps(twin))
    bad.write_text(json.dumps({**twin, "receipt": forge(twin["receipt"], "another hash")}))
    none.write_text(json.dumps({**twin, "receipt": {"a": 1}}))
    go(regular, served, "check")
    for file, state in ((good, "proven"), (bad, "failed"), (good, "proven"), (none, "failed")):
        regular.ask("choose", selector="#proof-receipt", files=[str(file)])
        assert regular.proof() == state


def test_a_receipt_without_its_entry_takes_the_entry_from_another_file(
    regular: Visitor, served: ServedLedger, world: World, tmp_path: Path
) -> None:
    lines = (world.folder / "base" / "model.receipt").read_text().split("\n")
    leaf = base64.b64decode(lines[1].removeprefix("extra "))
    bare, entry, wrong = (tmp_path / one for one in ("bare.tlog-proof", "entry.json", "wrong.json"))
    bare.write_text("\n".join(lines[:1] + lines[2:]))
    entry.write_text(json.dumps(json.loads(leaf), indent=2))
    wrong.write_bytes(leaf.replace(b"release", b"approve"))
    go(regular, served, "check")
    for files, state in (([bare], "unchecked"), ([entry], "proven"), ([wrong], "failed")):
        selector = "#proof-receipt" if files == [bare] else "#proof-entry"
        regular.ask("choose", selector=selector, files=[str(one) for one in files])
        assert regular.proof() == state
    whole = world.folder / "base" / "model.receipt"
    regular.ask("choose", selector="#proof-receipt", files=[str(whole)])
    assert regular.proof() == "proven", "the entry of the receipt before is left behind"


def test_what_a_log_proves_and_is_no_event_of_it_is_red(
    visitor: Visitor, served: ServedLedger, tmp_path: Path
) -> None:
    assert go(visitor, served, "check") == "unpinned"
    assert pin(visitor, LOG.verifier.vkey) == "waiting"
    event = Event(
        *(Kind.RELEASE, LOG.name, "one", "a" * 64, "b" * 64, "c" * 64, "wm1:" + "d" * 64),
        *("key:" + "e" * 64, "key:" + "f" * 64, "2026-01-02T03:04:05Z"),
    )
    other = replace(event, origin="log.example/others")
    for number, (leaf, state) in enumerate(
        (
            (event.to_bytes(), "proven"),
            (other.to_bytes(), "failed"),
            (json.dumps(json.loads(event.to_bytes())).encode(), "failed"),
            (b"{}", "failed"),
        )
    ):
        file = tmp_path / f"{number}.tlog-proof"
        file.write_bytes(format_proof(prove(1, [b"before", leaf], extra=leaf)))
        visitor.ask("choose", selector="#proof-receipt", files=[str(file)])
        assert visitor.proof() == state
