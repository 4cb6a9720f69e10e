"""Dataset documents: a stated digest counts only where it is one and the bytes have it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.attestations.checks import Outcome
from weightmark.attestations.dataset_checks import check_description
from weightmark.errors import FileChangedError, MalformedError, RefusedError, UncheckedError
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.datasets.card import DatasetCard
from weightmark.provenance.datasets.croissant import CROISSANT_MARK, Croissant, Verdict
from weightmark.provenance.datasets.description import KnownDigests, describe
from weightmark.provenance.identification import identify

ROWS = b"a,b\n1,2\n"
SHA256 = hashlib.sha256(ROWS).hexdigest()


def document(*files: dict[str, Any], **members: Any) -> bytes:
    described = {
        "@context": {"@vocab": "https://schema.org/"},
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": "rows",
        "distribution": [{"@type": "cr:FileObject", "@id": "rows", **file} for file in files],
    }
    return json.dumps(described | members).encode()


def verdicts(*files: dict[str, Any]) -> list[Verdict]:
    found = Croissant.parse(document(*files)).compare({"data/rows.csv": SHA256})
    return [one.verdict for one in found]


@pytest.mark.parametrize(
    ("stated", "verdict"),
    [
        ({"contentUrl": "data/rows.csv", "sha256": SHA256}, Verdict.EQUAL),
        ({"contentUrl": "./data/rows.csv", "sha256": SHA256.upper()}, Verdict.EQUAL),
        ({"contentUrl": "data/rows.csv", "sc:sha256": SHA256}, Verdict.EQUAL),
        ({"contentUrl": "data/rows.csv", "sha256": "0" * 64}, Verdict.DIFFERENT),
        ({"contentUrl": "data/rows.csv", "sha256": SHA256[:40]}, Verdict.NO_DIGEST),
        ({"contentUrl": "data/rows.csv", "sha256": SHA256[:32]}, Verdict.NO_DIGEST),
        ({"contentUrl": "data/rows.csv"}, Verdict.NO_DIGEST),
        ({"contentUrl": "https://example.com/rows.csv", "sha256": SHA256}, Verdict.ELSEWHERE),
        ({"contentUrl": "../data/rows.csv", "sha256": SHA256}, Verdict.ELSEWHERE),
        ({"contentUrl": "data/gone.csv", "sha256": SHA256}, Verdict.ELSEWHERE),
        ({"contentUrl": "data/gone.csv"}, Verdict.ELSEWHERE),
        ({"contentUrl": "https://example.com/rows.csv"}, Verdict.ELSEWHERE),
    ],
)
def test_a_stated_digest(stated: dict[str, str], verdict: Verdict) -> None:
    assert verdicts(stated) == [verdict]


WRONG = {"@type": "cr:FileObject", "contentUrl": "data/rows.csv", "sha256": "0" * 64}
"""a lie about a file that is there"""


@pytest.mark.parametrize(
    "members",
    [
        {"distribution": {"@list": [WRONG]}},
        {"distribution": {"@set": [WRONG]}},
        {"distribution": [{"@type": "cr:FileSet", "containedIn": WRONG}]},
        {"distribution": [], "@graph": [{"@type": "sc:Dataset", "distribution": [WRONG]}]},
        {"distribution": [{**WRONG, "contentUrl": ["https://example.org/x", "data/rows.csv"]}]},
        {"distribution": [{**WRONG, "contentUrl": {"@list": ["data/rows.csv"]}}]},
        {"distribution": [{**WRONG, "contentUrl": "./x/../data/rows.csv"}]},
        {"distribution": [{**WRONG, "contentUrl": "data//rows.csv"}]},
        {"distribution": [{**WRONG, "contentUrl": "data/%72ows.csv"}]},
        {"distribution": [{**WRONG, "sha256": [SHA256, "0" * 64]}]},
        {"distribution": [{**WRONG, "@type": ["sc:DataDownload", "cr:FileObject"]}]},
    ],
)
def test_a_wrong_digest_is_found_wherever_json_ld_lets_it_stand(members: dict[str, Any]) -> None:
    statements = Croissant.parse(document(**members)).compare({"data/rows.csv": SHA256})
    assert Verdict.DIFFERENT in {one.verdict for one in statements}


@pytest.mark.parametrize("name", ["croissant.json", "metadata.jsonld"])
@pytest.mark.parametrize("as_list", [False, True])
def test_a_document_is_found_under_either_ending_and_in_a_list(
    tmp_path: Path, name: str, as_list: bool
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_bytes(ROWS)
    data = document(WRONG)
    (tmp_path / name).write_bytes(b"[" + data + b"]" if as_list else data)
    (found,) = describe(open_artifact(tmp_path)).documents
    assert [one.verdict for one in found.statements] == [Verdict.DIFFERENT]


def test_a_description_of_nothing_that_is_here_is_no_pass(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(ROWS)
    (tmp_path / "croissant.json").write_bytes(document())
    (check,) = check_description(open_artifact(tmp_path))
    assert check.outcome is Outcome.INFO
    assert "none of the files" in check.summary


def test_a_short_digest_is_never_a_prefix_that_matches() -> None:
    (statement,) = Croissant.parse(
        document({"contentUrl": "data/rows.csv", "sha256": SHA256[:32]})
    ).compare({"data/rows.csv": SHA256})
    assert "32 characters where the 64 digits" in str(statement)


@pytest.mark.parametrize("value", [True, "true", {"@value": True}, {"@value": "yes"}, 1])
def test_a_live_dataset_is_flagged_in_every_spelling(value: object) -> None:
    assert Croissant.parse(document(**{"cr:isLiveDataset": value})).live


@pytest.mark.parametrize("value", [False, "false", None, {"@value": False}])
def test_a_still_dataset_is_not_flagged(value: object) -> None:
    assert not Croissant.parse(document(isLiveDataset=value)).live


def test_licence_and_sources_are_read() -> None:
    found = Croissant.parse(
        document(
            license=["https://spdx.org/licenses/MIT", {"@id": "https://example.com/terms"}],
            **{"prov:wasDerivedFrom": {"@id": "https://example.com/older"}},
        )
    )
    assert found.licenses == ("https://spdx.org/licenses/MIT", "https://example.com/terms")
    assert found.sources == ("https://example.com/older",)


def test_one_digest_under_two_names_is_refused() -> None:
    file = {"contentUrl": "data/rows.csv", "sha256": SHA256, "sc:sha256": "0" * 64}
    with pytest.raises(MalformedError, match="two names"):
        Croissant.parse(document(file))


def test_other_json_is_no_croissant() -> None:
    with pytest.raises(MalformedError, match="no Croissant"):
        Croissant.parse(b'{"name": "x"}')


@given(st.binary(max_size=200))
def test_no_bytes_make_the_parsers_fail_otherwise(data: bytes) -> None:
    with pytest.raises((RefusedError, UncheckedError)):
        Croissant.parse(data)
    try:
        DatasetCard.parse(b"---\n" + data + b"\n---\n")
    except (RefusedError, UncheckedError):
        return


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=8) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["@type", "@id", "sha256", "name"]), inner, max_size=3
            )
        ),
        max_leaves=8,
    )
)
def test_any_shape_of_a_croissant_is_read_or_refused(value: object) -> None:
    data = json.dumps({"@context": CROISSANT_MARK.decode(), "distribution": value}).encode()
    try:
        Croissant.parse(data).compare({})
    except (RefusedError, UncheckedError):
        return


@pytest.mark.parametrize(
    ("header", "licenses", "sources"),
    [
        ("license: mit", ("mit",), ()),
        (
            "license: [mit, cc-by-4.0]\nsource_datasets:\n- original",
            ("mit", "cc-by-4.0"),
            ("original",),
        ),
        (
            "license: other\nlicense_name: terms\nlicense_link: LICENSE",
            ("other", "terms", "LICENSE"),
            (),
        ),
        ("license: !!python/object/apply:os.system [echo]", ("echo",), ()),
        ("", (), ()),
    ],
)
def test_a_card_is_read_and_nothing_of_it_is_built(
    header: str, licenses: tuple[str, ...], sources: tuple[str, ...]
) -> None:
    card = DatasetCard.parse(f"---\n{header}\n---\n# text\n".encode())
    assert card
    assert (card.licenses, card.sources) == (licenses, sources)


def test_a_card_that_says_two_licences_in_two_places_is_refused() -> None:
    with pytest.raises(MalformedError, match="`license` twice"):
        DatasetCard.parse(b"---\nlicense: mit\nlicense: proprietary\n---\n")


@pytest.mark.parametrize("data", [b"# no header", b"", b"text\n---\nlicense: mit\n---\n"])
def test_a_page_without_a_header_is_no_card(data: bytes) -> None:
    assert DatasetCard.parse(data) is None


def test_the_documents_of_a_dataset_are_held_against_its_files(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_bytes(ROWS)
    (tmp_path / "README.md").write_bytes(b"---\nlicense: mit\n---\n")
    file = {"contentUrl": "data/rows.csv", "sha256": SHA256}
    (tmp_path / "croissant.json").write_bytes(document(file))
    (tmp_path / "settings.json").write_bytes(b"{}")
    found = describe(open_artifact(tmp_path))
    assert [one.path for one in found.documents] == ["croissant.json"]
    assert [one.verdict for one in found.documents[0].statements] == [Verdict.EQUAL]
    assert [one.licenses for one in found.cards] == [("mit",)]


def test_what_datasets_saved_is_read_for_licence_and_source(tmp_path: Path) -> None:
    info = {"license": "mit", "download_checksums": {"https://example.com/a.zip": {"num_bytes": 1}}}
    (tmp_path / "dataset_info.json").write_text(json.dumps(info), encoding="utf-8")
    (card,) = describe(open_artifact(tmp_path)).cards
    assert (card.licenses, card.sources) == (("mit",), ("https://example.com/a.zip",))
    assert card.path == "dataset_info.json"
    (tmp_path / "dataset_info.json").write_bytes(b'{"license": "mit", "license": "other"}')
    assert not describe(open_artifact(tmp_path)).cards


def test_a_described_file_that_changed_after_it_was_hashed_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_bytes(b"others")
    file = {"contentUrl": "data/rows.csv", "sha256": SHA256}
    (tmp_path / "croissant.json").write_bytes(document(file))
    found = identify(tmp_path)
    known = KnownDigests({row.path: row.blake3 for row in found.manifest.rows})
    (tmp_path / "data" / "rows.csv").write_bytes(ROWS)
    with pytest.raises(FileChangedError):
        describe(found.artifact, known)


def test_a_path_with_encoded_characters_is_found() -> None:
    stated = document({"contentUrl": "data/a%20b.csv", "sha256": SHA256})
    (one,) = Croissant.parse(stated).compare({"data/a b.csv": SHA256})
    assert one.verdict is Verdict.EQUAL
    (one,) = Croissant.parse(stated).compare({"data/a b.csv": "0" * 64})
    assert one.verdict is Verdict.DIFFERENT


def test_a_document_that_changed_after_it_was_hashed_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "croissant.json"
    path.write_bytes(document(name="one"))
    found = identify(tmp_path)
    known = KnownDigests({row.path: row.blake3 for row in found.manifest.rows})
    path.write_bytes(document(name="two"))
    with pytest.raises(FileChangedError):
        describe(found.artifact, known)
