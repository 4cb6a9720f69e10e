"""Claims as referrers: by the API or the fallback tag, in either registry; and what is attached to mislead."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sim.docker_registry import DockerRegistry
from tests.sim.registry import BUNDLE, INDEX, MANIFEST, RegistrySim, Reply, blob, sha256
from weightmark.errors import (
    CallError,
    FileChangedError,
    LimitError,
    MalformedError,
    NetworkError,
    PromiseBrokenError,
)
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.reading.engine import Column, Reading, read_artifact
from weightmark.provenance.sources.interface import TransferBrokenError
from weightmark.provenance.sources.oci.attached import Attachment, attach, attached_claims
from weightmark.provenance.sources.oci.credentials import ANONYMOUS, Credentials
from weightmark.provenance.sources.oci.documents import Descriptor
from weightmark.provenance.sources.oci.messages import Patience
from weightmark.provenance.sources.oci.pushing import Pushed, attach_to, push
from weightmark.provenance.sources.oci.reference import Reference
from weightmark.provenance.sources.oci.registry import WRITE, Repository
from weightmark.provenance.sources.oci.source import OciSource

QUICK = Patience(pause=0.01, longest=0.05)
ONE, TWO = Attachment(b'{"one":1}', "https://p/1"), Attachment(b'{"two":2}', "https://p/2")


@pytest.fixture
def sim() -> Iterator[RegistrySim]:
    with RegistrySim() as running:
        yield running


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with DockerRegistry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_bytes(b"{}")
    (folder / "sub/weights.bin").write_bytes(bytes(range(256)) * 9000)
    (folder / "sub/empty").write_bytes(b"")
    return folder


def opened(uri: str, login: Credentials = ANONYMOUS) -> Repository:
    return Repository(Reference.parse(uri), access=WRITE, credentials=login, patience=QUICK)


def pushed(
    uri: str,
    model: Path,
    *claims: Attachment,
    login: Credentials = ANONYMOUS,
    move: bool = False,
) -> Pushed:
    artifact = open_artifact(model)
    reading: Reading[None] = read_artifact(artifact, columns=[Column.BLAKE3, Column.SHA256])
    with opened(uri, login) as repository:
        return push(repository, reading, claims, move=move)


def pulled(uri: str) -> tuple[dict[str, bytes], set[bytes]]:
    with OciSource(uri, credentials=ANONYMOUS, patience=QUICK) as source:
        found = source.resolve()
        files = {part.path: b"".join(source.read(part)) for part in found.parts if part.size}
        return files, {b"".join(source.read(claim)) for claim in found.claims}


# --- what others wrote ----------------------------------------------------------------------------


@pytest.mark.needs("docker_registry")
def test_debians_registry_gives_back_what_was_pushed(real: DockerRegistry, model: Path) -> None:
    done = pushed(real.uri("acme/model"), model, ONE)
    assert (done.uploaded, done.claims) == (3, 1)
    for uri in (real.uri("acme/model"), done.pinned):
        files, claims = pulled(uri)
        assert files["sub/weights.bin"] == bytes(range(256)) * 9000
        assert claims == {ONE.bundle}


@pytest.mark.needs("docker_registry")
def test_pushing_again_sends_nothing_and_claims_come_one_after_the_other(
    real: DockerRegistry, model: Path
) -> None:
    first = pushed(real.uri("acme/again"), model, ONE)
    second = pushed(real.uri("acme/again"), model, ONE, TWO)
    assert (second.digest, second.uploaded, second.claims, second.moved_from) == (
        first.digest,
        0,
        1,
        "",
    )
    assert pulled(first.pinned)[1] == {ONE.bundle, TWO.bundle}


@pytest.mark.needs("docker_registry")
def test_a_tag_moves_only_when_that_was_said_and_says_so(real: DockerRegistry, model: Path) -> None:
    first = pushed(real.uri("acme/moved"), model)
    (model / "config.json").write_bytes(b'{"a":1}')
    with pytest.raises(CallError, match="names something else"):
        pushed(real.uri("acme/moved"), model)
    assert pulled(real.uri("acme/moved"))[0]["config.json"] == b"{}"
    second = pushed(real.uri("acme/moved"), model, move=True)
    assert (second.moved_from, second.uploaded) == (first.digest, 1)
    assert pulled(first.pinned)[0]["config.json"] == b"{}"


@pytest.mark.needs("docker_registry")
def test_debians_registry_resumes(real: DockerRegistry, model: Path) -> None:
    pushed(real.uri("acme/resume"), model)
    with OciSource(real.uri("acme/resume"), credentials=ANONYMOUS) as source:
        part = next(one for one in source.resolve().parts if one.path.endswith("weights.bin"))
        assert b"".join(source.read(part, 1000)) == (bytes(range(256)) * 9000)[1000:]


# --- both ways of listing -------------------------------------------------------------------------


@pytest.mark.parametrize("has_referrers", [True, False])
def test_claims_are_attached_and_found_both_ways(
    sim: RegistrySim,
    model: Path,
    has_referrers: bool,
) -> None:
    sim.has_referrers = has_referrers
    done = pushed(sim.uri("acme/model"), model, ONE, TWO)
    assert pulled(done.pinned)[1] == {ONE.bundle, TWO.bundle}
    fallback = done.digest.replace(":", "-")
    assert (("acme/model", fallback) in sim.tags) is not has_referrers


def test_a_list_on_several_pages_is_read_to_its_end(sim: RegistrySim, model: Path) -> None:
    done = pushed(sim.uri("acme/model"), model)
    bundles = {b'{"n":%d}' % number for number in range(7)}
    for bundle in bundles:
        sim.attach("acme/model", done.digest, bundle)
    sim.page = 2
    assert pulled(done.pinned)[1] == bundles


def test_a_list_that_goes_on_at_another_host_is_refused(sim: RegistrySim, model: Path) -> None:
    done = pushed(sim.uri("acme/model"), model, ONE)
    path = f"GET /v2/acme/model/referrers/{done.digest}"
    sim.always[path] = Reply(headers={"Link": '<https://evil.example/x>; rel="next"'})
    with pytest.raises(NetworkError):
        pulled(done.pinned)


def test_a_list_without_end_hits_a_limit(sim: RegistrySim, model: Path) -> None:
    done = pushed(sim.uri("acme/model"), model, ONE)
    path = f"/v2/acme/model/referrers/{done.digest}"
    sim.always[f"GET {path}"] = Reply(headers={"Link": f'<{path}>; rel="next"'})
    with pytest.raises(LimitError):
        pulled(done.pinned)


def test_what_cosign_attached_is_found(sim: RegistrySim, model: Path) -> None:
    done = pushed(sim.uri("acme/model"), model)
    sim.attach("acme/model", done.digest, ONE.bundle)
    assert pulled(done.pinned)[1] == {ONE.bundle}


# --- what is attached to mislead ------------------------------------------------------------------


def _other_subject(sim: RegistrySim, digest: str) -> dict[str, Any]:
    return {"subject": {"mediaType": MANIFEST, "digest": sha256(b"another"), "size": 1}}


def _two_layers(sim: RegistrySim, digest: str) -> dict[str, Any]:
    return {"layers": [blob(b"{}", BUNDLE), blob(b"x", BUNDLE)]}


def _other_type(sim: RegistrySim, digest: str) -> dict[str, Any]:
    return {"layers": [blob(b"{}", "text/html")]}


def _huge(sim: RegistrySim, digest: str) -> dict[str, Any]:
    return {"layers": [{**blob(b"{}", BUNDLE), "size": 1 << 40}]}


def _sha512(sim: RegistrySim, digest: str) -> dict[str, Any]:
    return {"layers": [{**blob(b"{}", BUNDLE), "digest": "sha512:" + "ab" * 64}]}


def _foreign(sim: RegistrySim, digest: str) -> dict[str, Any]:
    return {"layers": [{**blob(b"{}", BUNDLE), "urls": ["http://169.254.169.254/"]}]}


@pytest.mark.parametrize(
    "spoil", [_other_subject, _two_layers, _other_type, _huge, _foreign, _sha512]
)
@pytest.mark.parametrize("by_tag", [False, True])
def test_what_is_attached_and_no_claim_hides_no_claim(
    sim: RegistrySim,
    model: Path,
    spoil: Any,
    by_tag: bool,
) -> None:
    sim.has_referrers = not by_tag
    done = pushed(sim.uri("acme/model"), model, ONE)
    bad = sim.attach("acme/model", done.digest, b'{"evil":1}', **spoil(sim, done.digest))
    if by_tag:
        _list(sim, done.digest, bad)
    assert pulled(done.pinned)[1] == {ONE.bundle}


def _list(sim: RegistrySim, digest: str, more: str) -> None:
    tag = digest.replace(":", "-")
    data, _ = sim.manifests["acme/model", sim.tags["acme/model", tag]]
    index = json.loads(data)
    index["manifests"].append(
        {"mediaType": MANIFEST, "digest": more, "size": 1, "artifactType": BUNDLE}
    )
    sim.add_manifest("acme/model", tag, index, INDEX)


@pytest.mark.parametrize("what", ["manifests", "blobs"])
def test_a_claim_that_could_not_be_looked_at_is_not_passed_over(
    sim: RegistrySim, model: Path, what: str
) -> None:
    done = pushed(sim.uri("acme/model"), model)
    attached = sim.attach("acme/model", done.digest, ONE.bundle)
    name = attached if what == "manifests" else sha256(ONE.bundle)
    for method in ("HEAD", "GET"):
        sim.always[f"{method} /v2/acme/model/{what}/{name}"] = Reply(503)
    with pytest.raises((NetworkError, TransferBrokenError)):
        pulled(done.pinned)


@pytest.mark.parametrize("lost", ["manifest", "blob", "blob without HEAD", "another size"])
def test_a_claim_that_is_listed_and_not_there_stops_nobody_and_is_said(
    sim: RegistrySim, model: Path, lost: str
) -> None:
    """Whoever may attach one would else keep everybody from what is released."""
    done = pushed(sim.uri("acme/model"), model, ONE)
    evil, method = b'{"evil":1}', "GET" if lost == "blob without HEAD" else "HEAD"
    fields = {"layers": [{**blob(evil, BUNDLE), "size": 3}]} if lost == "another size" else {}
    attached = sim.attach("acme/model", done.digest, evil, **fields)
    name = f"manifests/{attached}" if lost == "manifest" else f"blobs/{sha256(evil)}"
    if lost != "another size":
        for one in {method, "GET"}:
            sim.always[f"{one} /v2/acme/model/{name}"] = Reply(404, body=b"{}")
    if method == "GET":
        sim.always[f"HEAD /v2/acme/model/{name}"] = Reply(404)
    assert pulled(done.pinned)[1] == {ONE.bundle}
    with OciSource(done.pinned, credentials=ANONYMOUS, patience=QUICK) as source:
        assert source.resolve().absent == (attached if lost == "manifest" else sha256(evil),)


def test_a_fallback_tag_that_is_no_list_is_refused(sim: RegistrySim, model: Path) -> None:
    sim.has_referrers = False
    done = pushed(sim.uri("acme/model"), model)
    tag = done.digest.replace(":", "-")
    sim.tags["acme/model", tag] = done.digest
    with pytest.raises(MalformedError):
        pulled(done.pinned)


def test_a_manifest_of_a_claim_that_does_not_end_hides_no_claim(
    sim: RegistrySim, model: Path
) -> None:
    done = pushed(sim.uri("acme/model"), model, ONE)
    attached = sim.attach("acme/model", done.digest, b'{"evil":1}')
    sim.always[f"GET /v2/acme/model/manifests/{attached}"] = Reply(body=b" " * (5 << 20))
    assert pulled(done.pinned)[1] == {ONE.bundle}


def test_claims_beyond_size_hit_a_limit(sim: RegistrySim, model: Path) -> None:
    done = pushed(sim.uri("acme/model"), model)
    for number in range(3):
        bundle = b'{"n":%d}' % number
        layer = {**blob(bundle, BUNDLE), "size": 30 << 20}
        sim.attach("acme/model", done.digest, bundle, layers=[layer])
    with pytest.raises(LimitError):
        pulled(done.pinned)


def test_claims_beyond_number_hit_a_limit(sim: RegistrySim, model: Path) -> None:
    done = pushed(sim.uri("acme/model"), model)
    entry = {"mediaType": MANIFEST, "digest": sha256(b"x"), "size": 1, "artifactType": BUNDLE}
    entries = [{**entry, "digest": sha256(b"%d" % number)} for number in range(1001)]
    body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
    sim.always[f"GET /v2/acme/model/referrers/{done.digest}"] = Reply(body=body)
    with pytest.raises(LimitError):
        pulled(done.pinned)


# --- pushing --------------------------------------------------------------------------------------


def test_claims_that_are_attached_one_after_the_other_are_all_listed(
    sim: RegistrySim, model: Path
) -> None:
    sim.has_referrers = False
    done = pushed(sim.uri("acme/model"), model)
    subject = Descriptor(MANIFEST, done.digest, 1, {})
    for claim in (ONE, TWO):
        with opened(done.pinned) as repository:
            attach(repository, subject, [claim])
    with opened(done.pinned) as repository:
        found = attached_claims(repository, done.digest)
    assert {part.location for part in found.claims} == {sha256(one.bundle) for one in (ONE, TWO)}


def test_a_list_that_another_keeps_overwriting_is_said_and_not_taken_for_done(
    sim: RegistrySim, model: Path
) -> None:
    sim.has_referrers = False
    done = pushed(sim.uri("acme/model"), model)
    empty = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
    tag = done.digest.replace(":", "-")
    sim.always[f"GET /v2/acme/model/manifests/{tag}"] = Reply(
        body=empty, headers={"Docker-Content-Digest": sha256(empty), "Content-Type": INDEX}
    )
    sim.tags["acme/model", tag] = sim.add_manifest("acme/model", tag, empty, INDEX)
    with opened(done.pinned) as repository, pytest.raises(LimitError):
        attach(repository, Descriptor(MANIFEST, done.digest, 1, {}), [ONE])


def test_the_tag_moves_last_of_all(sim: RegistrySim, model: Path) -> None:
    pushed(sim.uri("acme/model"), model, ONE)
    written = [one.path for one in sim.asked if one.method == "PUT"]
    assert written[-1] == "/v2/acme/model/manifests/v1"


def test_an_upload_that_breaks_off_is_begun_anew(sim: RegistrySim, model: Path) -> None:
    sim.replies["PUT /v2/acme/model/blobs/uploads/session"] = [Reply(201), Reply(502), Reply(502)]
    done = pushed(sim.uri("acme/model"), model)
    assert pulled(done.pinned)[0]["config.json"] == b"{}"


def test_a_file_that_changes_while_it_is_pushed_is_refused(sim: RegistrySim, model: Path) -> None:
    artifact = open_artifact(model)
    reading: Reading[None] = read_artifact(artifact, columns=[Column.BLAKE3, Column.SHA256])
    (model / "sub/weights.bin").write_bytes(bytes(256 * 9000))
    with opened(sim.uri("acme/model")) as repository, pytest.raises(FileChangedError):
        push(repository, reading, [])
    assert not sim.tags


def test_a_registry_that_keeps_something_else_is_refused(sim: RegistrySim, model: Path) -> None:
    sim.always["PUT /v2/acme/model/manifests/v1"] = Reply(
        headers={"Docker-Content-Digest": sha256(b"x")}
    )
    with pytest.raises(PromiseBrokenError):
        pushed(sim.uri("acme/model"), model)


def test_a_redirect_of_what_is_written_is_refused(sim: RegistrySim, model: Path) -> None:
    sim.always["POST /v2/acme/model/blobs/uploads/"] = Reply(
        307, headers={"Location": "https://evil.example/"}
    )
    with pytest.raises(NetworkError):
        pushed(sim.uri("acme/model"), model)


@pytest.mark.parametrize("status", [403, 404, 405])
def test_a_registry_that_does_not_say_what_it_has_gets_it(
    sim: RegistrySim, model: Path, status: int
) -> None:
    for data in (b"{}", b""):
        sim.always[f"HEAD /v2/acme/model/blobs/{sha256(data)}"] = Reply(status)
    assert pushed(sim.uri("acme/model"), model).uploaded == 3


def test_an_upload_elsewhere_gets_no_login(sim: RegistrySim, model: Path) -> None:
    sim.scheme = "Basic"
    with RegistrySim() as other:
        place = f"{other.url}/v2/acme/model/blobs/uploads/session"
        sim.always["POST /v2/acme/model/blobs/uploads/"] = Reply(headers={"Location": place})
        pushed(sim.uri("acme/model"), model, login=Credentials(sim.user, sim.password))
        assert other.asked
        assert not any("authorization" in one.headers for one in other.asked)


def test_pushing_asks_for_the_right_to_write(sim: RegistrySim, model: Path) -> None:
    sim.scheme = "Bearer"
    pushed(sim.uri("acme/model"), model, login=Credentials(sim.user, sim.password))
    assert set(sim.scopes) == {"repository:acme/model:pull,push"}


def test_what_is_pushed_is_told_by_the_files_alone(sim: RegistrySim, model: Path) -> None:
    first = pushed(sim.uri("acme/model"), model)
    (model / "sub/weights.bin").touch()
    assert pushed(sim.uri("acme/other"), model).digest == first.digest


def test_pushing_to_the_digest_of_something_else_is_a_wrong_call(
    sim: RegistrySim, model: Path
) -> None:
    with pytest.raises(CallError):
        pushed(sim.uri("acme/model", sha256(b"else")), model)


def test_claims_are_attached_to_what_stands_there(sim: RegistrySim, model: Path) -> None:
    done = pushed(sim.uri("acme/model"), model)
    with opened(sim.uri("acme/model")) as repository:
        assert attach_to(repository, [ONE]).claims == 1
    assert pulled(done.pinned)[1] == {ONE.bundle}
    with opened(sim.uri("acme/none")) as repository, pytest.raises(NetworkError):
        attach_to(repository, [ONE])
