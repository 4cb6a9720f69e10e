"""Markdown, HTML and JSON of reports: whatever others wrote is inert in each, and the same evidence gives the same bytes."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.ledger.makers import deployed, release
from tests.attestations.reports.makers import (
    MODEL,
    OWNER,
    RELEASER,
    approved,
    put,
    register_of,
    report_of,
    results,
)
from weightmark.attestations.ledger.revoking import revoke
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.attestations.reports.artifact import Summary, index_pages
from weightmark.attestations.reports.document import LinkTo, Report, Section, Table
from weightmark.attestations.reports.estate import estate_report
from weightmark.attestations.reports.forms import FORM_NAMES, form_of
from weightmark.attestations.reports.frameworks import FRAMEWORKS
from weightmark.attestations.reports.incident import investigate
from weightmark.attestations.reports.interface import Status
from weightmark.attestations.reports.making import jury_for
from weightmark.attestations.reports.shown import stem_of
from weightmark.attestations.reports.timeline import incident_report
from weightmark.attestations.reports.words import LONGEST, Quoted, bounded
from weightmark.attestations.reports.zero_trust import survey
from weightmark.errors import Exit
from weightmark.provenance.ledger.log import Ledger
from weightmark.visible import visible

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "</code></td></table><h1>approved</h1>",
    "| a | b |\n|---|---|\n| forged | row |",
    "[click](javascript:alert(1)) ![x](https://evil.example/pixel)",
    "`` ` ``` # heading\n\n## 2(h) cybersecurity (filled)",
    "\x1b[2J\x1b]0;title\x07\u202egnp.exe\u2066\u200b",
    "@everyone www.evil.example https://evil.example a@b.example #1",
    "{{ 7 * 7 }}{% for x in y %}",
    "\\|\\\\| --> ]]> &lt; &#60;",
    "x" * 10_000,
)
_CODE = re.compile(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", re.DOTALL)


class Page(HTMLParser):
    """What a browser would make of a page: its tags, its attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def bare(markdown: str) -> str:
    """Markdown without its code spans and escapes: what could be markup."""
    return re.sub(r"\\[!-/:-@\[-`{-~]", "", _CODE.sub("", markdown))


def render(report: Report, form: str) -> str:
    return form_of(form).render(report, Exit.GOOD)


def hostile_report(text: str) -> Report:
    """A report in which others wrote `text` wherever they can."""
    quoted = Quoted(bounded(text))
    table = Table(
        ("evidence", "who"), ((quoted, ("by", quoted)), (LinkTo(text[:10], "index"), quoted))
    )
    section = Section(("Of", quoted), "filled", (("Said:", quoted), quoted), table)
    return Report(
        "x",
        "A report",
        (("Artifact", quoted),),
        (("Revoked:", quoted),),
        (section,),
        {"said": text},
    )


@pytest.fixture
def hostile(lineage: Ledger) -> Ledger:
    """The lineage, with everything that others may write in its claims."""
    for at, text in enumerate(HOSTILE):
        said = text[:4000]
        claims = [approved(OWNER, MODEL, reason=said), deployed(OWNER, MODEL, said)]
        claims.append(results(OWNER, MODEL, "PASSED", passed=(said,), url=said, failed=(said,)))
        put(lineage, OWNER, *claims, minutes=10 + at)
        title = text if at < len(HOSTILE) - 1 else text[:10_000]
        put(lineage, RELEASER, release(RELEASER, "model", title=title), minutes=30 + at)
    revoke(lineage, OWNER, RevocationSubject(MODEL), HOSTILE[0])
    return lineage


def everything(ledger: Ledger) -> list[Report]:
    reports = [report_of(ledger, name) for name in FRAMEWORKS]
    with register_of(ledger) as register:
        jury = jury_for(None, None, register, None)
        reports.append(estate_report(survey(register, jury), at_from="a test"))
        reports.append(incident_report(investigate(register, jury, MODEL), at_from="a test"))
    return reports


def test_hostile_names_and_reasons_are_inert_in_html(hostile: Ledger) -> None:
    for report in everything(hostile):
        page = Page(render(report, "html"))
        assert set(page.tags) <= {
            "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "dl", "dt", "dd",
            "p", "section", "span", "div", "table", "thead", "tbody", "tr", "th", "td", "code", "a",
        }  # fmt: skip
        assert page.tags.count("h1") == 1
        names = {name for name, _ in page.attributes}
        assert not any(name.startswith("on") for name in names)
        assert "src" not in names
        assert all("\u202e" not in text and "\x1b" not in text for text in (page.text,))


def test_hostile_names_and_reasons_are_inert_in_markdown(hostile: Ledger) -> None:
    for report in everything(hostile):
        text = render(report, "markdown")
        plain = bare(text)
        assert "<" not in plain
        assert "](" not in plain
        assert "evil.example" not in plain
        assert "@" not in plain
        assert "\x1b" not in text
        assert "\u202e" not in text
        heads = [line for line in text.splitlines() if line.startswith("#")]
        assert len(heads) == 1 + len(report.sections)


def test_rows_of_markdown_have_as_many_cells_as_headings(hostile: Ledger) -> None:
    for report in everything(hostile):
        width = 0
        for line in render(report, "markdown").splitlines():
            if not line.startswith("|"):
                width = 0
                continue
            cells = len(re.findall(r"(?<!\\)\|", line)) - 1
            width = width or cells
            assert cells == width


def test_json_is_ascii_and_says_the_same(hostile: Ledger) -> None:
    for report in everything(hostile):
        text = render(report, "json")
        assert text.isascii()
        assert json.loads(text)["format"] == report.facts["format"]


def test_a_long_text_is_cut_with_its_length(lineage: Ledger) -> None:
    put(lineage, OWNER, release(OWNER, "other", title="n" * 10_000), minutes=9)
    assert bounded("n" * 10_000) == "n" * LONGEST + "… (10000 characters)"
    for form in FORM_NAMES:
        assert "n" * (LONGEST + 1) not in render(report_of(lineage), form)


@given(st.text())
def test_any_text_is_inert_in_every_form(text: str) -> None:
    report = hostile_report(text)
    page = Page(render(report, "html"))
    assert page.tags.count("section") == 1
    assert page.tags.count("td") == 4
    assert bare(render(report, "markdown")).count("](") == 1, "our own link"
    assert (
        json.loads(render(report, "json"))["said"]
        == text.encode("utf-8", "backslashreplace").decode()
    )


@given(st.text())
def test_inert_text_is_printable(text: str) -> None:
    assert visible(text).isprintable()


@pytest.mark.parametrize("form", FORM_NAMES)
def test_the_same_evidence_gives_the_same_bytes(lineage: Ledger, form: str) -> None:
    first, second = ([render(one, form) for one in everything(lineage)] for _ in range(2))
    assert first == second


def test_html_loads_nothing_and_says_so(lineage: Ledger) -> None:
    text = render(report_of(lineage), "html")
    page = Page(text)
    values = dict(page.attributes)
    policy = next(
        value
        for name, value in page.attributes
        if name == "content" and value and "default-src" in value
    )
    assert "default-src 'none'" in policy
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy
    assert "://" not in style
    assert "script" not in page.tags
    assert "style" not in values


def test_a_report_says_by_whose_word_which_ledger_and_which_moment(lineage: Ledger) -> None:
    text = render(report_of(lineage), "markdown")
    assert "whom the ledger admitted" in text
    assert lineage.origin in text
    assert "2030-11-21T12:04:00Z, a test" in text


def test_claims_that_fill_nothing_are_listed_with_the_reason(lineage: Ledger) -> None:
    put(lineage, RELEASER, approved(RELEASER, MODEL, reason="trust me"), kind="observed")
    report = report_of(lineage)
    (one,) = report.facts["uncounted"]
    assert "observed" in one["why"]
    for form in ("markdown", "html"):
        text = render(report, form)
        assert "1 claim that fills nothing" in text
        assert "trust me" not in text


# --- the index ------------------------------------------------------------------------------------


def summaries(count: int) -> list[Summary]:
    counts = tuple((status, 1) for status in Status)
    return [
        Summary(f"wm1:{number:064x}", HOSTILE[2], counts, ("1(a)",), (), 0)
        for number in range(count)
    ]


def test_an_index_of_many_has_pages_that_lead_to_each_other() -> None:
    pages = list(index_pages(FRAMEWORKS["annex-iv"], summaries(2001)))
    assert [one.stem for one in pages] == ["index", "index-2", "index-3"]
    assert [len(one.facts["artifacts"]) for one in pages] == [1000, 1000, 1]
    text = render(pages[0], "markdown")
    assert "(index-2.md)" in text
    assert f"(wm1-{'0' * 64}.md)" in text
    assert 'href="index-2.html"' in render(pages[0], "html")


@pytest.mark.parametrize(
    "name", ["", "wm1:", "wm1:../../x", "wm1:" + "a" * 63 + "/", "key:" + "a" * 64]
)
def test_a_file_is_named_by_a_digest_and_by_nothing_else(name: str) -> None:
    with pytest.raises(ValueError, match="digest"):
        stem_of(name)


def facts_of(report: Report) -> dict[str, Any]:
    found = json.loads(render(report, "json"))
    assert isinstance(found, dict)
    return found


def test_facts_of_every_report_fit_the_published_schema(hostile: Ledger) -> None:
    from tests.cli.published import fitting

    for report in [*everything(hostile), *index_pages(FRAMEWORKS["ssdf"], summaries(2))]:
        fitting(render(report, "json"), "report")
        assert facts_of(report)["exit"] == 0
