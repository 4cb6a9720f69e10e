"""Searching and paging: nothing is hidden, nothing is shown twice, and a bound that is hit is said."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    CAROL,
    admitted,
    deployed,
    derived,
    enter,
    identity_of,
    make_ledger,
    release,
    state,
)
from tests.attestations.pages.asking import Asking, kind_of_page
from weightmark.attestations.pages.index.filters import Filter, Place
from weightmark.attestations.pages.index.page_index import PageIndex
from weightmark.attestations.pages.index.searching import Found, Searcher
from weightmark.attestations.pages.source import PageOptions
from weightmark.attestations.pages.static_site import write_site
from weightmark.attestations.predicates.scan import SCAN_PREDICATE
from weightmark.errors import CallError, LedgerInconsistentError
from weightmark.provenance.ledger.administration import redact

A, B = identity_of("a"), identity_of("b")
ALICE_NAME, BOB_NAME, CAROL_NAME = (one.identity.name for one in (ALICE, BOB, CAROL))


@pytest.fixture
def filled(asking: Asking) -> Asking:
    """Sixty entries by three signers, to be changed."""
    return fill(asking)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """The same, which no test changes."""
    folder = tmp_path_factory.mktemp("shared")
    with make_ledger(folder / "ledger", [admitted(one) for one in (ALICE, BOB, CAROL)]) as made:
        yield fill(Asking(made, folder / "index"))


def fill(asking: Asking) -> Asking:
    enter(asking.ledger, CAROL, *(release(CAROL, name) for name in "abcdefghijklmnopqrst"))
    enter(asking.ledger, ALICE, *(deployed(ALICE, A, f"Cluster-{at}") for at in range(20)))
    enter(asking.ledger, BOB, *(derived(BOB, identity_of(f"child {at}"), A) for at in range(19)))
    return asking


def whole(asking: Asking, asked: Filter) -> list[int]:
    """What fits, by a look at every entry."""
    words = [one.lower() for one in asked.words]
    found = []
    with asking.source() as source:
        size = source.snapshot.head.size
        for row in source.rows(range(size)):
            event = next(source.snapshot.events([row.index])).event
            text = source.index.db.execute(
                "select words from text where idx = ?", (row.index,)
            ).fetchone()
            fits = (
                asked.subject in {"", event.subject}
                and asked.signer in {"", event.signer}
                and asked.kind in {"", event.kind}
                and asked.verdict in {"", row.verdict}
                and all(text and word in text[0].lower() for word in words)
            )
            found += [row.index] if fits else []
    return found[::-1]


def walk_back(searcher: Searcher, asked: Filter) -> Iterator[Found]:
    place = Place()
    while True:
        found = searcher.search(asked, place)
        yield found
        if found.older is None:
            return
        place = Place(before=found.older)


def walk_forth(searcher: Searcher, asked: Filter) -> Iterator[Found]:
    place = Place(after=0)
    while True:
        found = searcher.search(asked, place)
        yield found
        if found.newer is None:
            return
        place = Place(after=found.newer)


ASKED = st.builds(
    Filter,
    text=st.sampled_from(["", "cluster", "CLUSTER-1", "model.safetensors", "nowhere"]),
    subject=st.sampled_from(["", A, B, "wm1:" + "0" * 64]),
    signer=st.sampled_from(["", ALICE_NAME, BOB_NAME, CAROL_NAME]),
    kind=st.sampled_from(["", "release", "deploy", "provenance", "revoke"]),
)


@settings(deadline=None, max_examples=40)
@given(asked=ASKED, page=st.integers(1, 70), window=st.integers(1, 70))
def test_pages_in_either_direction_hold_everything_once(
    shared: Asking, asked: Filter, page: int, window: int
) -> None:
    expected = whole(shared, asked)
    with shared.source() as source:
        searcher = Searcher(source.index, page=page, window=window)
        back = [at for found in walk_back(searcher, asked) for at in found.places]
        forth = [at for found in walk_forth(searcher, asked) for at in reversed(found.places)]
    assert back == expected
    assert forth == [at for at in reversed(expected) if at > 0]


def test_a_search_whose_time_is_over_goes_on_where_it_stopped(shared: Asking) -> None:
    asked = Filter(text="cluster")
    with shared.source() as source:
        ticks = count()
        searcher = Searcher(
            source.index, page=3, window=7, seconds=0.5, clock=lambda: float(next(ticks))
        )
        pages = list(walk_back(searcher, asked))
        forth = list(walk_forth(searcher, asked))
    assert [at for found in pages for at in found.places] == whole(shared, asked)
    assert [at for found in forth for at in reversed(found.places)] == whole(shared, asked)[::-1]
    assert any(not found.whole for found in pages)
    assert not any(found.older is None and not found.whole for found in pages)


def test_the_list_of_all_entries_needs_no_index(filled: Asking) -> None:
    seen: list[int] = []
    query = ""
    with filled.source(most=0) as source:
        assert source.index.size == 0
    while True:
        twin = filled.twin("entries", query)
        seen += [one["index"] for one in twin["entries"]]
        if twin["older"] is None:
            break
        query = f"before={twin['older']}"
    assert seen == list(range(59, -1, -1))
    newer = filled.twin("entries", "before=10")["newer"]
    assert [one["index"] for one in filled.twin("entries", f"after={newer}")["entries"]] == list(
        range(59, 9, -1)
    )


def test_a_search_that_has_not_seen_the_newest_says_so(filled: Asking) -> None:
    from weightmark.attestations.pages.views.entries import list_entries

    with filled.source(most=10) as source:
        view = list_entries(source, Filter(kind="deploy"), Place())
    assert (view.behind, view.entries) == (50, ())


def test_an_artifact_in_entries_that_were_not_read_is_unknown_and_not_absent(
    filled: Asking,
) -> None:
    with filled.source(most=1) as source:
        assert source.unknown("nothing").exit.name == "UNCHECKED"
    with filled.source() as source:
        assert isinstance(source.unknown("nothing"), CallError)


def test_claims_that_cannot_be_read_are_counted_in_a_search_for_words(filled: Asking) -> None:
    event = filled.ledger.entry(25).event
    path = filled.ledger.path / "claims" / event.claim_sha256
    data = path.read_bytes()
    path.unlink()
    twin = filled.twin("entries", "text=cluster")
    assert (len(twin["entries"]), twin["unread"]) == (19, 1)
    assert "may fit" in filled.page("entries", "text=cluster").text
    path.write_bytes(data)
    with PageIndex.of(filled.ledger, filled.folder) as index:
        index.read_again(filled.ledger)
    twin = filled.twin("entries", "text=cluster")
    assert (len(twin["entries"]), twin["unread"]) == (20, 0)


def test_words_of_an_erased_claim_are_found_no_more(filled: Asking) -> None:
    assert len(filled.twin("entries", "text=cluster-7")["entries"]) == 1
    (index,) = (one["index"] for one in filled.twin("entries", "text=cluster-7")["entries"])
    redact(filled.ledger, f"sha256:{filled.ledger.entry(index).event.claim_sha256}", "asked")
    twin = filled.twin("entries", "text=cluster-7")
    assert (twin["entries"], twin["unread"]) == ([], 0)


def test_an_index_of_a_log_that_was_forked_is_made_anew(filled: Asking) -> None:
    with filled.source() as source:
        source.index.db.execute(
            "update meta set peaks = replace(peaks, substr(peaks, 1, 4), '0000')"
        )
    assert len(filled.twin("entries", "kind=release")["entries"]) == 20
    with filled.source() as source:
        assert (source.index.size, source.index.totals()["release"]) == (60, 20)


def test_an_index_takes_only_entries_that_lead_to_the_signed_root(filled: Asking) -> None:
    """A database whose entries were swapped, and whose tiles were not, fills no index."""
    with closing(sqlite3.connect(filled.ledger.path / "ledger.db")) as db, db:
        for (name,) in db.execute(
            "select name from sqlite_schema where type = 'trigger'"
        ).fetchall():
            db.execute(f'drop trigger "{name}"')
        db.execute("update entry set body = cast(replace(body, ?, ?) as blob)", (A, B))
    with (
        PageIndex.of(filled.ledger, filled.folder / "other") as index,
        pytest.raises(LedgerInconsistentError, match="do not lead to the signed root"),
    ):
        index.advance(filled.ledger, 1000)


@pytest.mark.parametrize(
    "parameters",
    [
        [("bogus", "1")],
        [("kind", "release"), ("kind", "deploy")],
        [("text", "x" * 3000)],
        [("kind", "release' or 1=1 --")],
        [("subject", "wm1:' or '1'='1")],
        [("subject", "%")],
        [("signer", A)],
        [("verdict", 'failed" or 1')],
        [("since", "yesterday")],
        [("since", "2026-13-01")],
        [("until", "0000-00-00")],
        [("before", "-1")],
        [("before", "1" * 20)],
        [("before", "1"), ("after", "2")],
        [("before", "1; drop table entry")],
        [("text", "ab")],
        [("text", "a\x00bc")],
        [("text", "cod\u202ecode")],
        [("text", " ".join(["word"] * 9))],
        [("text", "\ud800abc")],
    ],
)
def test_filters_are_read_strictly(shared: Asking, parameters: Sequence[tuple[str, str]]) -> None:
    kind, _ = kind_of_page("entries")
    with shared.source() as source, pytest.raises(CallError):
        kind.page(source, "", parameters)


@settings(deadline=None, max_examples=60)
@given(text=st.text(min_size=3, max_size=100))
def test_no_word_is_read_as_a_query_language(shared: Asking, text: str) -> None:
    """Quotes, operators, stars and columns of the index' own language are letters like others."""
    try:
        asked = Filter.of({"text": text})
    except CallError:
        return
    with shared.source() as source:
        found = Searcher(source.index).search(asked, Place())
    assert found.places == () or all(word for word in asked.words)


@pytest.mark.parametrize(
    "text",
    [
        '"cluster',
        "clu*",
        "cluster OR nowhere",
        "words:cluster",
        "NEAR(a b)",
        'cluster" OR "',
        "%%%",
        "___",
        "^cluster",
        "-cluster +x1",
    ],
)
def test_operators_of_the_index_find_nothing(shared: Asking, text: str) -> None:
    try:
        twin = shared.twin(
            "entries", f"text={text.replace('+', '%2B').replace('%%%', '%25%25%25')}"
        )
    except CallError:
        return
    assert twin["entries"] == []


def test_the_time_is_by_whole_seconds_and_days(shared: Asking) -> None:
    at = shared.ledger.entry(30).event.at
    same = [one for one in range(60) if shared.ledger.entry(one).event.at == at]
    with shared.source() as source:
        searcher = Searcher(source.index, page=100)
        only = searcher.search(Filter(since=at, until=at), Place()).places
        assert only == ()
        day = searcher.search(Filter(since=at[:10], until=at[:10]), Place()).places
        assert set(same) <= set(day)
        assert searcher.search(Filter(since=at), Place()).places[-1] == same[0]


def test_what_stands_in_the_address_of_a_page_finds_that_page_again(shared: Asking) -> None:
    page = shared.page("entries", "kind=release&before=21")
    older = [link for link in page.links if "kind=release" in link]
    assert older
    assert all("kind=release" in link for link in older)


def test_files_and_findings_of_many_pages_are_all_there(asking: Asking) -> None:
    found = [{"rule": f"WM{at}", "severity": "low", "message": "m"} for at in range(450)]
    fields = {
        "scanner": "s",
        "rules": "",
        "result": "findings",
        "fail_on": "high",
        "findings": found,
    }
    paths = [f"f{at:04}" for at in range(450)]
    (index,) = enter(asking.ledger, ALICE, release(ALICE, "a", *paths))
    identity = asking.ledger.entry(index).event.subject
    enter(asking.ledger, ALICE, state(ALICE, identity, SCAN_PREDICATE, fields))
    path = f"artifacts/{identity[4:]}"
    pages = [asking.twin(path, query) for query in ("", "files=200", "files=400", "files=600")]
    assert [one["path"] for page in pages for one in page["files"]] == paths
    pages = [asking.twin(path, query) for query in ("", "findings=200", "findings=400")]
    assert [one for page in pages for one in page["findings"]] == found
    links = asking.page(path).links
    assert {f"../{path}?files=200", f"../{path}?findings=200"} <= set(links)
    site = asking.folder.with_name("site")
    write_site(asking.ledger, site, PageOptions(index_folder=asking.folder))
    places = [f"{path}.json", f"{path}-files-200.json", f"{path}-files-400.json"]
    files = [one for place in places for one in json.loads((site / place).read_bytes())["files"]]
    assert [one["path"] for one in files] == paths
