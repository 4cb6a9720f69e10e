"""The static site: the same pages as files, whole or not at all."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    deployed,
    derived,
    enter,
    identity_of,
    release,
)
from tests.attestations.pages.asking import Asking
from tests.attestations.pages.reading import read
from weightmark.attestations.ledger.revoking import revoke
from weightmark.attestations.pages.source import PageOptions
from weightmark.attestations.pages.static_site import write_site
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.errors import CallError, ReadError
from weightmark.provenance.ledger.log import Ledger

A, B = identity_of("a"), identity_of("b")


@pytest.fixture
def site(asking: Asking, tmp_path: Path) -> Path:
    enter(asking.ledger, ALICE, release(ALICE, "a"), derived(ALICE, B, A))
    enter(asking.ledger, BOB, *(deployed(BOB, B, f"cluster-{at}") for at in range(60)))
    revoke(asking.ledger, ALICE, RevocationSubject(A), "bad")
    write_site(asking.ledger, tmp_path / "site", PageOptions(index_folder=asking.folder))
    return tmp_path / "site"


def test_every_link_of_the_site_leads_to_a_file(site: Path) -> None:
    pages = [*site.rglob("*.html")]
    assert len(pages) > 60
    for path in pages:
        page = read(path.read_bytes())
        targets = [*page.links, *(one.attributes["href"] for one in page.all("link"))]
        targets += [one.attributes["src"] for one in page.all("script") if "src" in one.attributes]
        for link in set(targets) - {"data:,"}:
            if not link.startswith("#"):
                assert re.fullmatch(r"(\.\./)?[a-z0-9/.-]+", link), (path, link)
                assert (path.parent / link).resolve().is_file(), (path, link)


def test_every_page_of_the_site_has_its_policy_and_no_form(site: Path) -> None:
    for path in site.rglob("*.html"):
        page = read(path.read_bytes())
        policy = next(
            one.attributes["content"] for one in page.all("meta") if "http-equiv" in one.attributes
        )
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert not page.all("form"), path


def test_all_entries_are_listed_over_the_pages(site: Path) -> None:
    seen: list[int] = []
    place = site / "entries.html"
    while True:
        twin = json.loads(place.with_suffix(".json").read_bytes())
        seen += [one["index"] for one in twin["entries"]]
        page = read(place.read_bytes())
        older = [
            one.attributes["href"] for one in page.all("a") if one.attributes.get("rel") == "next"
        ]
        if not older:
            break
        place = place.parent / older[0]
    assert seen == list(range(63, -1, -1))


def test_the_site_is_a_view_that_anybody_can_audit(
    site: Path, asking: Asking, tmp_path: Path
) -> None:
    with Ledger.open(site, vkey=asking.ledger.vkey) as ledger:
        assert ledger.refresh().size == 64
        assert ledger.entry(1).event.subject == A


def test_a_proof_block_of_the_site_is_not_live(site: Path) -> None:
    page = read((site / "entries" / "3.html").read_bytes())
    fields = json.loads(next(one for one in page.scripts if one.strip()))
    assert (fields["v"], fields["live"]) == (1, False)


def test_nothing_is_written_over(site: Path, asking: Asking) -> None:
    before = sorted(site.rglob("*"))
    with pytest.raises(CallError, match="there already"):
        write_site(asking.ledger, site, PageOptions(index_folder=asking.folder))
    assert sorted(site.rglob("*")) == before


def test_a_folder_that_cannot_be_made_leaves_nothing(asking: Asking, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ReadError):
        write_site(
            asking.ledger, tmp_path / "file" / "site", PageOptions(index_folder=asking.folder)
        )
    assert not list(tmp_path.rglob("*.tmp"))


def test_what_fails_in_the_middle_leaves_nothing(asking: Asking, tmp_path: Path) -> None:
    enter(asking.ledger, ALICE, release(ALICE, "a"))

    def full(_done: int, _all: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(ReadError):
        write_site(
            asking.ledger, tmp_path / "site", PageOptions(index_folder=asking.folder), tell=full
        )
    assert not (tmp_path / "site").exists()
    assert [one for one in tmp_path.iterdir() if one.name.endswith(".tmp")] == []


def test_the_command_writes_a_site_and_refuses_half_of_one(asking: Asking, tmp_path: Path) -> None:
    def export(*words: str) -> int:
        command = [sys.executable, "-m", "weightmark", "ledger", "export", "--isolated"]
        place = ["--ledger", str(asking.ledger.path), *words]
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        }
        done = subprocess.run(
            [*command, *place], check=False, capture_output=True, cwd=tmp_path, env=environment
        )
        return done.returncode

    assert export("--html", "pages") == 0
    assert (tmp_path / "pages" / "index.html").is_file()
    for wrong in (
        ["--html", "pages"],
        ["--html", "other", "--start", "1"],
        ["--html", "other", "-o", "x"],
        ["--show-identities"],
    ):
        assert export(*wrong) == 2, wrong
    assert not (tmp_path / "other").exists()
