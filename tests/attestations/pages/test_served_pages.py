"""The pages over HTTP: what a browser is allowed to do with them, and clients that mean harm."""

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    ORIGIN,
    admitted,
    enter,
    identity_of,
    make_ledger,
    release,
)
from tests.attestations.ledger.served import Reply, ServedLedger, body_of, serving
from tests.attestations.pages.reading import read
from weightmark.provenance.ledger.note import NoteVerifier
from weightmark.provenance.ledger.proof import verify_receipt

A = identity_of("a")
SHOWN = (
    "/",
    "/entries",
    "/entries?kind=release",
    "/entries/1",
    f"/artifacts/{A[4:]}",
    "/revocations",
    "/compare",
    "/check",
)
PROBLEMS = (
    "/entries/99",
    "/entries/01",
    "/entries/x",
    "/artifacts/zz",
    "/entries?bogus=1",
    "/entries?before=1&after=2",
    "/decisions/1",
    "/signers/key-1",
    "/leaves/00",
    f"/leaves/{'0' * 64}",
    "/assets/nothing.js",
    f"/entries?text={'x' * 5000}",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pages") / "ledger"
    with make_ledger(place, [admitted(ALICE), admitted(BOB)]) as ledger:
        enter(ledger, ALICE, *(release(ALICE, name) for name in "abc"))
    return place


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[ServedLedger]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder.parent / "cache"))
        with serving(folder) as running:
            yield running


def asked_with(served: ServedLedger, path: str, headers: dict[str, str]) -> Reply:
    connection = http.client.HTTPConnection(*served.address, timeout=60)
    try:
        connection.request("GET", path, headers=headers)
        reply = connection.getresponse()
        return Reply(
            reply.status, reply.read(), {name.lower(): value for name, value in reply.getheaders()}
        )
    finally:
        connection.close()


@pytest.mark.parametrize("path", [*SHOWN, *PROBLEMS, "/entries/1.json", "/assets/pages.css"])
def test_every_answer_forbids_what_a_browser_could_be_led_to(
    served: ServedLedger, path: str
) -> None:
    headers = served.get(path).headers
    policy = dict(
        part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", SHOWN)
def test_every_page_is_html_with_links_that_lead_somewhere(served: ServedLedger, path: str) -> None:
    reply = served.get(path)
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    page = read(reply.body)
    targets = [*page.links, *(one.attributes["href"] for one in page.all("link"))]
    targets += [one.attributes["src"] for one in page.all("script") if "src" in one.attributes]
    for link in set(targets) - {"data:,"}:
        if not link.startswith("#"):
            target = urljoin(f"http://log.example{path}", link).removeprefix("http://log.example")
            assert served.get(target).status in {200, 302}, (path, link)


@pytest.mark.parametrize(
    "path", ["/index", "/entries", "/entries/1", f"/artifacts/{A[4:]}", "/revocations"]
)
def test_every_page_has_a_twin(served: ServedLedger, path: str) -> None:
    reply = served.get(f"{path}.json")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    twin = json.loads(reply.body)
    assert (twin["schema"], twin["origin"]) == ("weightmark/ledger-page/v1", ORIGIN)


@pytest.mark.parametrize("path", PROBLEMS)
def test_what_is_not_there_is_a_page_that_says_so(served: ServedLedger, path: str) -> None:
    reply = served.get(path)
    assert reply.status in {400, 404}
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert b"Traceback" not in reply.body
    assert [one.tag for one in read(reply.body).elements].count("h1") == 1


@pytest.mark.parametrize(
    "path", ["/", "/entries", "/entries/1", "/entries/1.json", "/assets/pages.css", "/compare"]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_pages_are_read_only(served: ServedLedger, path: str, method: str) -> None:
    assert served.ask(method, path, b"x").status == 405


@pytest.mark.parametrize("path", ["/", "/entries/1", "/entries/1.json"])
def test_a_head_is_a_get_without_a_body(served: ServedLedger, path: str) -> None:
    reply, head = served.get(path), served.ask("HEAD", path)
    assert (head.status, head.body) == (reply.status, b"")
    assert head.headers["content-type"] == reply.headers["content-type"]


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../ledger.db",
        "/assets/..%2f..%2flog.key",
        "/assets/%2e%2e/log.key",
        "/assets/..%5clog.key",
        "/assets//etc/passwd",
        "/assets/pages.css%00.js",
        "/assets/__init__.py",
        "/assets/",
        "/entries/../../log.key",
        "/artifacts/..%2f..%2flog.key",
    ],
)
def test_no_path_leads_to_a_file_that_is_no_asset(served: ServedLedger, path: str) -> None:
    reply = served.get(path)
    assert reply.status == 404
    assert b"PRIVATE" not in reply.body
    assert b"root:" not in reply.body


def test_an_answer_is_the_same_whoever_is_named_as_its_host(served: ServedLedger) -> None:
    """Nothing of a header comes back, so that no cache keeps a page that somebody else wrote."""
    for path in ("/entries", "/entries/99", "/leaves/" + "0" * 64):
        plain = served.get(path)
        forged = asked_with(
            served,
            path,
            {
                "Host": "evil.example",
                "X-Forwarded-Host": "evil.example",
                "X-Forwarded-Prefix": "/evil",
                "X-Original-URL": "/evil",
                "Accept-Language": "<x-evil>",
                "Referer": "http://evil.example",
            },
        )
        assert forged.body == plain.body
        assert b"evil" not in forged.body
        assert not [one for one in forged.headers.values() if "evil" in one]


@pytest.mark.parametrize("path", ["/entries/0/", "/check/", "/leaves/x/", "/entries//"])
def test_no_address_leads_to_the_host_that_a_request_names(served: ServedLedger, path: str) -> None:
    reply = asked_with(served, path, {"Host": "evil.example"})
    assert reply.status == 404
    assert "evil.example" not in str(reply)


def test_the_page_without_a_twin_has_none(served: ServedLedger) -> None:
    assert served.get("/check").status == 200
    assert served.get("/check.json").status == 404


def test_the_address_does_not_come_back_as_markup(served: ServedLedger) -> None:
    for path in (
        "/entries?text=%3Cx-evil%3E",
        "/compare?left=%22%3E%3Cx-evil%3E",
        "/entries/%3Cx-evil%3E",
        "/entries?%3Cx-evil%3E=1",
    ):
        reply = served.get(path)
        assert b"<x-evil" not in reply.body, path


def test_a_leaf_hash_is_a_permanent_address(served: ServedLedger) -> None:
    twin = json.loads(served.get("/entries/1.json").body)
    reply = served.get(f"/leaves/{twin['leaf_hash']}")
    assert (reply.status, reply.headers["location"]) == (302, "../entries/1")
    assert (
        served.get(f"/leaves/{twin['leaf_hash']}.json").headers["location"] == "../entries/1.json"
    )
    assert served.get(f"/leaves/{twin['leaf_hash'].upper()}").status == 404


def test_the_data_block_of_an_entry_is_its_receipt(served: ServedLedger, folder: Path) -> None:
    page = read(served.get("/entries/2").body)
    fields = json.loads(next(one for one in page.scripts if one.strip()))
    assert (fields["v"], fields["live"]) == (1, True)
    key = NoteVerifier.parse((folder / "log.vkey").read_text().strip())
    assert fields["vkey"] == key.vkey
    assert verify_receipt(fields["receipt"].encode(), key).index == 2


def test_what_is_entered_stands_on_the_pages_at_once(served: ServedLedger) -> None:
    before = json.loads(served.get("/index.json").body)["size"]
    assert served.add(body_of(release(BOB, "late"), ORIGIN, BOB)).status == 200
    found = json.loads(served.get(f"/artifacts/{identity_of('late')[4:]}.json").body)
    assert found["entries"][0]["index"] == before
    assert json.loads(served.get("/index.json").body)["size"] == before + 1


def test_the_other_routes_of_a_ledger_are_as_they_were(served: ServedLedger) -> None:
    for path in (
        "/checkpoint",
        "/tile/0/000.p/1",
        "/log.vkey",
        "/health",
        "/metrics",
        "/ledger.json",
        "/search?kind=release",
    ):
        assert served.get(path).status == 200, path


def test_without_pages_there_are_none(folder: Path) -> None:
    with serving(folder, "--no-pages", "--read-only") as running:
        assert running.get("/").status == 404
        assert running.get("/entries/1").status == 404
        assert running.get("/ledger.json").status == 200


def test_whoever_asks_too_often_waits(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent / "cache"))
    with serving(folder, "--rate", "1", "--read-only") as running:
        replies = [running.get("/check") for _ in range(6)]
    limited = [one for one in replies if one.status == 429]
    assert limited
    assert int(limited[0].headers["retry-after"]) >= 1
    assert b"Too many requests" in limited[0].body


def test_a_ledger_that_was_changed_is_not_explained_to_everybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3
    from contextlib import closing

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    place = tmp_path / "ledger"
    with make_ledger(place, [admitted(ALICE)]) as ledger:
        enter(ledger, ALICE, release(ALICE, "a"))
    with serving(place, "--read-only") as running:
        with closing(sqlite3.connect(place / "ledger.db")) as db, db:
            for (name,) in db.execute(
                "select name from sqlite_schema where type = 'trigger'"
            ).fetchall():
                db.execute(f'drop trigger "{name}"')
            db.execute(
                "update entry set body = cast(replace(body, ?, ?) as blob)", (A, identity_of("b"))
            )
        reply = running.get("/entries/1")
    assert reply.status == 500
    assert str(place).encode() not in reply.body
    assert b"inconsistent" in reply.body


def test_a_server_that_never_read_its_log_catches_up_while_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    place = tmp_path / "ledger"
    with make_ledger(place, [admitted(ALICE)]) as ledger:
        enter(ledger, ALICE, *(release(ALICE, "a", f"f{at}") for at in range(250)))
    with serving(place, "--read-only") as running:
        assert b"were not searched" in running.get("/entries?kind=deploy").body
        unknown = running.get(f"/artifacts/{'0' * 64}")
        assert unknown.status in {404, 503}
        deadline = time.monotonic() + 60
        while json.loads(running.get("/index.json").body)["indexed"] < 251:
            assert time.monotonic() < deadline
        assert json.loads(running.get("/entries.json?kind=release").body)["behind"] == 0
        assert running.get(f"/artifacts/{'0' * 64}").status == 404
