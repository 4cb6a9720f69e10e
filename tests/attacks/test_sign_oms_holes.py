"""What the reference verifier 1.1.1 accepts though it should not: each hole by name, each closed with a stable code.

The numbers are those of the table in docs/formats/oms.md. The attacker holds the publisher's key
wherever the hole is one of the format, and only the files wherever it is one of the verifier.
"""

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.forge import (
    ECHO,
    FILES,
    Json,
    bundle,
    key,
    make_tree,
    noted,
    oms_statement,
    oms_tree,
    put,
    read_statement,
    resources,
    said,
    sha256,
    sign,
    signed_tree,
    signer,
    trust,
)
from weightmark.attestations.bundles.dsse import IN_TOTO_PAYLOAD_TYPE
from weightmark.attestations.bundles.legacy_encoding import legacy_encoding
from weightmark.attestations.making.signing import SignOptions, sign_artifact
from weightmark.attestations.predicates.oms import OmsClaim, Serialization
from weightmark.attestations.predicates.oms.resources import MAX_RESOURCES
from weightmark.attestations.statements import Statement, Subject
from weightmark.attestations.verifying.verification import VerifyOptions, VerifyReport, examine
from weightmark.errors import CallError, Exit, LimitError
from weightmark.provenance.foreign_digests import oms_root
from weightmark.provenance.reading import shards
from weightmark.provenance.reading.columns import Column

LEGACY = "https://model_signing/Digests/v0.1"


def judged(tree: Path, *by: str, signature: Path | None = None, **options: Any) -> VerifyReport:
    return examine(tree, trust(*by), options=VerifyOptions(**options), signature=signature).report


def codes(report: VerifyReport) -> set[str]:
    """Return the reasons why the report is not good, and check that it never is good with one."""
    found = {check.code for check in report.checks if check.outcome not in ("pass", "info")}
    assert bool(found) == (report.exit is not Exit.GOOD)
    assert (report.verified is None) == bool(found)
    return found


def oms(tree: Path, listed: list[Json] | None = None, **serialization: Any) -> Path:
    """Put a `model.sig` over the resources, or over `FILES`, into the tree."""
    return put(tree, bundle(oms_statement(listed, **serialization)))


# --- 1: ignored paths that the signer recorded ------------------------------------------------------


@pytest.mark.parametrize(
    ("recorded", "payload"),
    [
        ("pytorch_model.bin", "pytorch_model.bin"),
        ("b", "b/deep/pytorch_model.bin"),
        ("./b/", "b/x.bin"),
        (".", "x.bin"),
        ("sub/../x", "x"),
    ],
)
def test_1_a_recorded_ignore_hides_no_injected_file(
    tmp_path: Path, recorded: str, payload: str
) -> None:
    tree = oms(make_tree(tmp_path / "m"), ignore_paths=[recorded])
    if recorded != ".":
        assert codes(judged(tree)) == set()
        assert f"`{recorded}`" in noted(judged(tree)), "what the signer left out is always listed"
    make_tree(tree, {payload: ECHO})
    report = judged(tree)
    assert report.exit is Exit.BAD
    assert codes(report) == {"hidden-by-ignore"}
    assert f"`{payload}`" in said(report)


def test_1_the_verifier_accepts_a_hidden_file_only_by_naming_it(tmp_path: Path) -> None:
    tree = oms(make_tree(tmp_path / "m"), ignore_paths=["logs", "weights.bin"])
    make_tree(tree, {"logs/a.txt": b"epoch 1", "logs/trap.bin": ECHO, "weights.bin": ECHO})
    folder = judged(tree, ignore_paths=("logs",))
    assert codes(folder) == {"hidden-by-ignore"}
    assert "logs/a.txt" not in said(folder)
    assert "`logs/trap.bin`" in said(folder), (
        "a folder takes nothing along that a loader could open"
    )
    both = judged(tree, ignore_paths=("logs", "logs/trap.bin", "weights.bin"))
    assert codes(both) == set()
    assert both.verified is not None
    assert both.verified.uncovered == ("logs/a.txt", "logs/trap.bin", "weights.bin")


@pytest.mark.parametrize("name", ["x.py", "config.json", "x.yaml", "template.jinja"])
def test_1_a_folder_takes_no_text_along_that_steers_a_loader(tmp_path: Path, name: str) -> None:
    tree = oms(make_tree(tmp_path / "m"), ignore_paths=["logs"])
    make_tree(tree, {f"logs/{name}": b"text"})
    assert codes(judged(tree, ignore_paths=("logs",))) == {"hidden-by-ignore"}


@pytest.mark.parametrize("given", [".", "..", "a/../..", "/etc", ""])
def test_1_the_root_or_another_place_can_not_be_left_out(tmp_path: Path, given: str) -> None:
    tree = oms(make_tree(tmp_path / "m"))
    with pytest.raises(CallError):
        judged(tree, ignore_paths=(given,))


def test_1_what_is_signed_is_compared_although_the_caller_leaves_it_out(tmp_path: Path) -> None:
    bare = oms(make_tree(tmp_path / "bare"))
    claimed = signed_tree(tmp_path / "claimed")
    for tree in (bare, claimed):
        every = tuple(FILES)
        assert codes(judged(tree, ignore_paths=every)) == set()
        make_tree(tree, {"config.json": b"changed"})
        assert codes(judged(tree, ignore_paths=every)) == {"tampered"}
        (tree / "config.json").unlink()
        assert codes(judged(tree, ignore_paths=every)) == {"tampered"}


def test_1_a_changed_file_is_never_excused_by_leaving_it_out(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    make_tree(tree, {"config.json": b"changed", "tokens.txt": b"changed"})
    report = judged(tree, ignore_paths=("tokens.txt",))
    assert codes(report) == {"tampered"}
    assert "tokens.txt" in said(report)
    assert codes(judged(tree, ignore_paths=("tokens.txt", "config.json"))) == {"tampered"}


def test_1_a_signer_leaves_out_only_what_it_names_and_says_so(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m", {**FILES, "logs/a.txt": b"1", "logs/model.bin": ECHO})
    options = SignOptions(scan=False, ignore_paths=("logs",))
    with pytest.raises(CallError, match=r"logs/model\.bin"):
        sign_artifact(tree, signer(), options)
    assert not (tree / "model.sig").exists()
    (tree / "logs/model.bin").unlink()
    result = sign_artifact(tree, signer(), options)
    assert any("--ignore-paths logs" in notice for notice in result.notices)
    predicate = read_statement((tree / "model.sig").read_bytes())["predicate"]
    assert "logs" in predicate["serialization"]["ignore_paths"]
    assert not any(one["name"].startswith("logs") for one in predicate["resources"])
    assert codes(judged(tree)) == {"hidden-by-ignore"}
    assert codes(judged(tree, ignore_paths=("logs",))) == set()
    make_tree(tree, {"logs/a.txt": b"2", "logs/b.txt": b"new"})
    assert codes(judged(tree, ignore_paths=("logs",))) == set()
    make_tree(tree, {"logs/c.bin": ECHO})
    assert "hidden-by-ignore" in codes(judged(tree, ignore_paths=("logs",)))


# --- 2 and 3: places that the format leaves out -----------------------------------------------------


@pytest.mark.parametrize("place", [".github/x.py", ".gitattributes", ".gitignore", ".git/hooks/x"])
def test_2_a_payload_in_the_git_places_is_named_and_never_silent(
    tmp_path: Path, place: str
) -> None:
    tree = oms(make_tree(tmp_path / "m"))
    make_tree(tree, {place: ECHO})
    report = judged(tree)
    assert f"`{Path(place).parts[0]}" in noted(report)
    if not place.startswith(".git/"):
        assert report.verified is not None
        assert report.verified.uncovered == (place,)
    make_tree(tree, {f"sub/{place}": ECHO})
    assert codes(judged(tree)) == {"unsigned-file"}


def test_2_a_manifest_claim_covers_the_root_git_files(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m", {**FILES, ".gitattributes": b"*"})
    make_tree(tree, {".gitattributes": ECHO})
    assert codes(judged(tree)) == {"tampered"}


@pytest.mark.parametrize("data", [ECHO, b"", b"{}", b"PK\x03\x04"])
def test_3_nothing_but_a_signature_stands_at_the_recorded_place(
    tmp_path: Path, data: bytes
) -> None:
    tree = oms(make_tree(tmp_path / "m"), ignore_paths=["model.sig"])
    detached = (tree / "model.sig").rename(tmp_path / "detached.sig")
    assert codes(judged(tree, signature=detached)) == set()
    (tree / "model.sig").write_bytes(data)
    report = judged(tree, signature=detached)
    assert report.exit is Exit.BAD
    assert codes(report) == {"sidecar-refused"}


def test_3_another_recorded_place_of_the_signature_hides_nothing(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m")
    put(tree, bundle(oms_statement(ignore_paths=["release.sig"])), "release.sig")
    assert codes(judged(tree, signature=tree / "release.sig")) == set()
    detached = (tree / "release.sig").rename(tmp_path / "detached.sig")
    make_tree(tree, {"release.sig": ECHO})
    assert codes(judged(tree, signature=detached)) == {"hidden-by-ignore"}


# --- 4 to 8, 13: statements that break the format ---------------------------------------------------


def with_digest(name: str, digest: str) -> Json:
    return {"name": name, "algorithm": "sha256", "digest": digest}


CONFIG = sha256(FILES["config.json"])
BROKEN: dict[str, Json] = {
    "4 no resources": oms_statement([]),
    "5 a doubled resource": oms_statement([*resources(), with_digest("config.json", CONFIG)]),
    "5 two digests of one file": oms_statement(
        [*resources(), with_digest("config.json", "0" * 64)]
    ),
    "5 an alias with a dot": oms_statement([*resources(), with_digest("./config.json", CONFIG)]),
    "5 an alias with two slashes": oms_statement(
        [*resources(), with_digest("sub//weights.bin", CONFIG)]
    ),
    "5 an alias with a slash at the end": oms_statement([with_digest("config.json/", CONFIG)]),
    "6 a file above": oms_statement([*resources(), with_digest("../secret", "0" * 64)]),
    "6 a file above, inside": oms_statement([with_digest("sub/../../secret", "0" * 64)]),
    "6 an absolute path": oms_statement([with_digest("/etc/passwd", "0" * 64)]),
    "6 a NUL": oms_statement([with_digest("config.json\0.bin", CONFIG)]),
    "7 md5": oms_statement(hash_type="md5"),
    "7 another hash than that of the resources": oms_statement(hash_type="blake3"),
    "7 a resource with another hash": oms_statement(
        [{**resources()[0], "algorithm": "sha512"}, *resources()[1:]]
    ),
    "13 upper-case digests": oms_statement(
        [{**one, "digest": one["digest"].upper()} for one in resources()]
    ),
    "13 a short digest": oms_statement([with_digest("config.json", CONFIG[:-2])]),
    "a shard name beside whole files": oms_statement(
        [with_digest("config.json:0:2", CONFIG)], method="shards", shard_size=0
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_statement_that_breaks_the_format_is_refused_though_the_publisher_signed_it(
    tmp_path: Path, name: str
) -> None:
    tree = put(make_tree(tmp_path / "m"), bundle(BROKEN[name]))
    (tmp_path / "secret").write_bytes(b"")
    for lenient in (False, True):
        report = judged(tree, ignore_unsigned_files=lenient, allow_legacy=lenient)
        assert report.exit is Exit.BAD
        assert codes(report) == {"malformed"}


def test_4_an_empty_model_is_not_signed(tmp_path: Path) -> None:
    tree = oms(make_tree(tmp_path / "m"), [])
    for name in FILES:
        (tree / name).unlink()
    (tree / "sub").rmdir()
    assert codes(judged(tree)) & {"malformed", "no-input"}


def test_4_unsigned_files_are_ignored_only_beside_signed_ones(tmp_path: Path) -> None:
    tree = oms(make_tree(tmp_path / "m"))
    make_tree(tree, {"notes.txt": b"x", "extra/notes.bin": b"plain words"})
    assert codes(judged(tree)) == {"unsigned-file"}
    report = judged(tree, ignore_unsigned_files=True)
    assert codes(report) == set()
    assert report.verified is not None
    assert report.verified.uncovered == ("extra/notes.bin", "notes.txt")
    assert "`extra/notes.bin`" in noted(report), "named, though not held against it"
    (tree / "config.json").unlink()
    assert codes(judged(tree, ignore_unsigned_files=True)) == {"tampered"}


@pytest.mark.parametrize("name", ["extra/pytorch_model.bin", "notes.txt", "LICENSE"])
@pytest.mark.parametrize("claimed", [False, True])
def test_1_an_unsigned_file_that_a_loader_could_open_is_never_ignored(
    tmp_path: Path, name: str, claimed: bool
) -> None:
    """Whatever it is called: a pickle beside a model signature, and beside a manifest claim."""
    tree = signed_tree(tmp_path / "m") if claimed else oms(make_tree(tmp_path / "m"))
    make_tree(tree, {name: ECHO, "harmless.txt": b"x"})
    report = judged(tree, ignore_unsigned_files=True)
    assert report.exit is Exit.BAD
    assert codes(report) == {"unsigned-file"}
    assert f"`{name}` is extra" in said(report)
    assert "a loader could open" in said(report)
    assert "harmless.txt" not in said(report), "that one is forgiven"
    assert judged(tree, ignore_unsigned_files=True, ignore_paths=(name,)).exit is Exit.GOOD


@pytest.mark.parametrize("name", ["modeling.py", "generation_config.json", "chat.jinja"])
def test_1_an_unsigned_file_that_steers_a_loader_is_never_ignored(
    tmp_path: Path, name: str
) -> None:
    tree = make_tree(oms(make_tree(tmp_path / "m")), {name: b"{}"})
    assert codes(judged(tree, ignore_unsigned_files=True)) == {"unsigned-file"}


def test_1_what_the_signer_ignored_is_not_forgiven_when_a_loader_could_open_it(
    tmp_path: Path,
) -> None:
    tree = oms(make_tree(tmp_path / "m"), ignore_paths=["late"])
    make_tree(tree, {"late/model.bin": ECHO})
    assert judged(tree, ignore_unsigned_files=True).exit is Exit.BAD
    (tree / "late/model.bin").write_bytes(b"plain words")
    assert judged(tree, ignore_unsigned_files=True).exit is Exit.GOOD


def test_8_a_second_signature_is_refused(tmp_path: Path) -> None:
    document = bundle(oms_statement())
    signatures = document["dsseEnvelope"]["signatures"]
    signatures.append({"sig": "AAAA", "keyid": ""})
    tree = put(make_tree(tmp_path / "m"), document)
    assert codes(judged(tree)) & {"malformed", "sidecar-refused"}
    signatures.reverse()
    assert judged(put(tree, document)).exit is Exit.BAD


@pytest.mark.parametrize(
    "bend",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace('"_type"', '"predicate": {}, "_type"', 1),
        lambda text: text.replace('"method"', '"method": "shards", "method"', 1),
        lambda text: text + " {}",
    ],
)
def test_13_a_payload_that_reads_in_two_ways_is_refused(
    tmp_path: Path, bend: Callable[[str], str]
) -> None:
    payload = bend(json.dumps(oms_statement())).encode()
    tree = put(make_tree(tmp_path / "m"), bundle(payload))
    assert codes(judged(tree)) == {"malformed"}


# --- 9 to 12, 14, 20: the tree ----------------------------------------------------------------------


def test_9_the_links_that_the_signer_recorded_win_over_the_caller(tmp_path: Path) -> None:
    tree = oms(make_tree(tmp_path / "m"))
    (tree / "tokens.txt").rename(tree / "sub/tokens")
    (tree / "tokens.txt").symlink_to("sub/tokens")
    assert judged(tree, ignore_unsigned_files=True).exit is Exit.BAD
    assert "became-a-link" in codes(judged(tree, ignore_paths=("sub/tokens",)))


@pytest.mark.parametrize("target", ["payload", "../outside", "/etc"])
def test_9_a_link_to_a_folder_or_out_of_the_root_is_refused_whatever_was_recorded(
    tmp_path: Path, target: str
) -> None:
    tree = oms(make_tree(tmp_path / "m"), allow_symlinks=True)
    make_tree(tmp_path / "outside", {"x.bin": ECHO})
    make_tree(tree, {"payload/x.bin": ECHO})
    (tree / "linked").symlink_to(target)
    report = judged(tree, ignore_unsigned_files=True, ignore_paths=("linked",))
    assert report.exit is Exit.BAD
    assert "artifact-refused" in codes(report)


def test_10_what_one_model_ignores_is_unknown_to_the_next(tmp_path: Path) -> None:
    believed, options = trust(), VerifyOptions()
    one = oms(make_tree(tmp_path / "a"), ignore_paths=["pytorch_model.bin"])
    two = make_tree(oms(make_tree(tmp_path / "b")), {"pytorch_model.bin": ECHO})
    assert examine(one, believed, options=options).report.exit is Exit.GOOD
    assert codes(examine(two, believed, options=options).report) == {"unsigned-file"}


def legacy_statement(**files: bytes) -> Json:
    subjects = [{"name": name, "digest": {"sha256": sha256(data)}} for name, data in files.items()]
    return {
        **oms_statement(predicate_type=LEGACY),
        "subject": subjects,
        "predicate": {"unused": "Unused, just passed due to API requirements"},
    }


def test_11_the_form_of_2024_counts_only_when_it_is_asked_for(tmp_path: Path) -> None:
    tree = put(make_tree(tmp_path / "m", {"a": b"1"}), bundle(legacy_statement(a=b"1")))
    report = judged(tree)
    assert report.exit is Exit.UNCHECKED
    assert codes(report) == {"content-not-checked"}
    assert codes(judged(tree, allow_legacy=True)) == set()
    assert "the form of 2024" in noted(judged(tree, allow_legacy=True))
    make_tree(tree, {"b": ECHO})
    assert codes(judged(tree, allow_legacy=True)) == {"unsigned-file"}


@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("old", [False, True])
def test_11_the_encoding_of_2024_counts_only_when_asked_for_and_only_for_its_own_statements(
    tmp_path: Path, allowed: bool, old: bool
) -> None:
    statement = legacy_statement(a=b"1") if old else oms_statement(resources({"a": b"1"}))
    document = bundle(statement)
    payload = base64.b64decode(document["dsseEnvelope"]["payload"])
    weak = key().sign(legacy_encoding(IN_TOTO_PAYLOAD_TYPE, payload))
    document["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(weak).decode()
    tree = put(make_tree(tmp_path / "m", {"a": b"1"}), document)
    report = judged(tree, allow_legacy=allowed)
    expected = {(True, False): {"unsupported"}, (True, True): set()}
    assert codes(report) == expected.get((old, allowed), {"tampered"})


@pytest.mark.parametrize("name", ["../a", "/a", "", "a//b", "sub/../a"])
def test_11_the_form_of_2024_is_parsed_as_strictly(tmp_path: Path, name: str) -> None:
    statement = legacy_statement(a=b"1")
    statement["subject"].append({"name": name, "digest": {"sha256": sha256(b"")}})
    tree = put(make_tree(tmp_path / "m", {"a": b"1"}), bundle(statement))
    assert codes(judged(tree, allow_legacy=True)) == {"malformed"}


@pytest.mark.parametrize("names", [("A.bin", "a.bin"), ("\u00e9.bin", "e\u0301.bin"), ("aux.txt",)])
def test_12_names_that_mean_another_file_elsewhere_are_refused(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    files = {name: name.encode() for name in names}
    listed = resources(files)
    tree = oms(make_tree(tmp_path / "m", files), listed)
    assert codes(judged(tree)) == {"name-clash"}


def test_14_an_empty_folder_changes_nothing(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    (tree / "empty/deep").mkdir(parents=True)
    assert codes(judged(tree)) == set()


def test_20_what_was_verified_is_returned_and_says_what_it_is(tmp_path: Path) -> None:
    tree = oms(make_tree(tmp_path / "m"))
    report = judged(tree)
    assert report.verified is not None
    assert [row.path for row in report.verified.manifest.rows] == sorted(FILES)
    make_tree(tree, {"config.json": ECHO})
    later = {row.path: row.blake3 for row in report.verified.manifest.rows}
    assert later["config.json"] != "", "the verdict holds the digests of what was read then"
    assert codes(judged(tree)) == {"tampered"}


# --- mixtures and columns ---------------------------------------------------------------------------


def test_an_old_signature_by_one_signer_is_not_renewed_by_a_claim_of_another(
    tmp_path: Path,
) -> None:
    tree = signed_tree(tmp_path / "m")
    old = (tree / "model.sig").read_bytes()
    make_tree(tree, {"tokens.txt": b"new"})
    for place in ("model.sig", "model.claims"):
        (tree / place).unlink()
    sign(tree, "other")
    put(tree, old)
    assert codes(judged(tree, "release", "other")) == {"tampered"}
    assert codes(judged(tree, "other")) == set(), "for whom trusts only the other, it is his claim"
    assert codes(judged(tree, "release")) == {"tampered"}


def test_columns_that_disagree_are_tampering(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    (line, *rest) = (tree / "model.claims").read_bytes().splitlines()
    statement = read_statement(line)
    statement["predicate"]["files"][0]["sha256"] = sha256(b"other")
    lines = [json.dumps(bundle(json.dumps(statement).encode())).encode(), *rest]
    (tree / "model.claims").write_bytes(b"\n".join(lines) + b"\n")
    (tree / "model.sig").unlink()
    assert codes(judged(tree, digests="both")) == {"tampered"}
    assert codes(judged(tree, digests="sha256")) == {"tampered"}


def test_a_blake3_list_can_not_stand_in_for_sha256(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m")
    how = Serialization.of("files", "blake3")
    sign_artifact(tree, signer(), SignOptions(scan=False, oms=how))
    (tree / "model.claims").unlink()
    assert codes(judged(tree)) == set()
    assert codes(judged(tree, digests="sha256")) == {"content-not-checked"}


# --- what costs too much ----------------------------------------------------------------------------


def test_shards_of_one_byte_over_a_large_file_are_a_limit_and_not_hashed(tmp_path: Path) -> None:
    listed = [{"name": "big.bin:0:1", "algorithm": "sha256", "digest": sha256(b"\0")}]
    tree = make_tree(tmp_path / "m", {"big.bin": b"\0"})
    oms(tree, listed, method="shards", shard_size=1)
    assert codes(judged(tree)) == set()
    os.truncate(tree / "big.bin", 50 * shards.MAX_SHARDS)
    with pytest.raises(LimitError, match="cut the artifact into 50000000 pieces"):
        judged(tree)
    cutting = SignOptions(scan=False, oms=Serialization.of("shards", "sha256", 1))
    with pytest.raises(LimitError):
        sign_artifact(tree, signer("other"), cutting)


def test_a_million_resources_are_a_limit() -> None:
    one = {"name": "a", "algorithm": "sha256", "digest": "0" * 64}
    how = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
    predicate = {"resources": [one] * (MAX_RESOURCES + 1), "serialization": how}
    subject = Subject("m", oms_root(["0" * 64]), "")
    with pytest.raises(LimitError, match="lists over 1000000 resources"):
        OmsClaim.from_statement(Statement((subject,), oms_statement()["predicateType"], predicate))


def test_ignored_paths_without_end_are_a_limit(tmp_path: Path) -> None:
    tree = oms(make_tree(tmp_path / "m"), ignore_paths=[f"x{n}" for n in range(10_001)])
    report = judged(tree)
    assert report.exit is Exit.UNCHECKED
    assert codes(report) == {"limit"}


def test_nested_json_in_a_predicate_is_a_limit(tmp_path: Path) -> None:
    payload = json.dumps(oms_statement()).replace(
        '"allow_symlinks": false', '"x": ' + "[" * 200_000 + "]" * 200_000, 1
    )
    tree = put(make_tree(tmp_path / "m"), bundle(payload.encode()))
    assert codes(judged(tree)) == {"limit"}


def test_a_huge_signature_is_a_limit(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m")
    with (tree / "model.sig").open("wb") as file:
        file.truncate(200 << 20)
    report = judged(tree)
    assert report.exit is Exit.UNCHECKED
    assert codes(report) == {"limit", "no-signature"}


def test_a_sparse_file_of_a_terabyte_in_shards_is_a_limit(tmp_path: Path) -> None:
    tree = oms_tree(tmp_path / "m")
    listed = [{"name": "config.json:0:2", "algorithm": "sha256", "digest": CONFIG}]
    oms(tree, listed, method="shards", shard_size=1_000_000)
    with (tree / "sparse.bin").open("wb") as file:
        file.truncate(1 << 41)
    with pytest.raises(LimitError):
        judged(tree)


def test_an_empty_file_beside_shards_is_named_as_not_covered(tmp_path: Path) -> None:
    listed = [{"name": "config.json:0:2", "algorithm": "sha256", "digest": CONFIG}]
    tree = make_tree(tmp_path / "m", {"config.json": FILES["config.json"]})
    oms(tree, listed, method="shards", shard_size=2)
    make_tree(tree, {"notes": b""})
    report = judged(tree)
    assert report.verified is not None
    assert report.verified.uncovered == ("notes",)
    make_tree(tree, {"notes": b"x"})
    assert codes(judged(tree)) == {"unsigned-file"}
    make_tree(tree, {"notes": b"", "config.json": b""})
    assert codes(judged(tree)) == {"tampered"}


@pytest.mark.parametrize("name", ["__init__.py", "adapter_config.json"])
def test_an_empty_file_that_steers_a_loader_beside_shards_is_refused(
    tmp_path: Path, name: str
) -> None:
    listed = [{"name": "config.json:0:2", "algorithm": "sha256", "digest": CONFIG}]
    tree = make_tree(tmp_path / "m", {"config.json": FILES["config.json"]})
    oms(tree, listed, method="shards", shard_size=2)
    make_tree(tree, {name: b""})
    assert judged(tree).exit is Exit.BAD


@pytest.mark.parametrize("name", [".", "weights.bin"])
def test_a_single_file_in_shards_is_known_by_both_names(tmp_path: Path, name: str) -> None:
    listed = [{"name": f"{name}:0:2", "algorithm": "sha256", "digest": CONFIG}]
    file = make_tree(tmp_path, {"weights.bin": FILES["config.json"]}) / "weights.bin"
    sig = tmp_path / "weights.bin.sig"
    sig.write_text(json.dumps(bundle(oms_statement(listed, method="shards", shard_size=2))))
    assert codes(judged(file)) == set()
    for content in (b"", b"{", b"{}\n", b"[]"):
        file.write_bytes(content)
        assert codes(judged(file)) == {"tampered"}, content


@pytest.mark.parametrize("column", Column)
def test_every_hash_finds_one_changed_byte_in_every_shard(tmp_path: Path, column: Column) -> None:
    content = bytes(range(23))
    tree = make_tree(tmp_path / "m", {"w.bin": content})
    sign_artifact(
        tree, signer(), SignOptions(scan=False, oms=Serialization.of("shards", column.value, 8))
    )
    (tree / "model.claims").unlink()
    assert codes(judged(tree)) == set()
    for place in range(len(content)):
        bent = bytearray(content)
        bent[place] ^= 1
        (tree / "w.bin").write_bytes(bent)
        assert codes(judged(tree)) == {"tampered"}, place
    for other in (content[:-1], content + b"\0", content[:16], b""):
        (tree / "w.bin").write_bytes(other)
        assert judged(tree).exit is Exit.BAD
