"""A registry that lies, breaks off, moves, or sends one elsewhere: resumed or refused, and no login given away."""

import base64
import json
from collections import deque
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tests.sim.registry import INDEX, MANIFEST, RegistrySim, Reply, blob, sha256
from weightmark.errors import (
    ArtifactRefusedError,
    CallError,
    LimitError,
    MalformedError,
    NetworkError,
    NoInputError,
    PromiseBrokenError,
    UnsupportedError,
    WeightmarkError,
)
from weightmark.provenance.sources.interface import Snapshot, TransferBrokenError
from weightmark.provenance.sources.oci.credentials import ANONYMOUS, Credentials, find_credentials
from weightmark.provenance.sources.oci.messages import Patience
from weightmark.provenance.sources.oci.source import OciSource

QUICK = Patience(pause=0.01, longest=0.05)
FILES = {"config.json": b"{}", "sub/weights.bin": bytes(range(256)) * 1000}
WEIGHTS = sha256(FILES["sub/weights.bin"])
BLOB = f"/v2/acme/model/blobs/{WEIGHTS}"
TAG = "/v2/acme/model/manifests/v1"


@pytest.fixture
def sim() -> Iterator[RegistrySim]:
    with RegistrySim() as running:
        running.add_model("acme/model", "v1", FILES)
        yield running


def opened(sim: RegistrySim, name: str = "v1", login: Credentials = ANONYMOUS) -> OciSource:
    return OciSource(sim.uri("acme/model", name), credentials=login, patience=QUICK)


def resolved(sim: RegistrySim, name: str = "v1", login: Credentials = ANONYMOUS) -> Snapshot:
    with opened(sim, name, login) as source:
        return source.resolve()


def weights(sim: RegistrySim, offset: int = 0, login: Credentials = ANONYMOUS) -> bytes:
    with opened(sim, login=login) as source:
        part = source.resolve().parts[1]
        return b"".join(source.read(part, offset))


def login_of(sim: RegistrySim) -> Credentials:
    return Credentials(sim.user, sim.password)


def text_of(error: WeightmarkError | TransferBrokenError) -> str:
    return " ".join(str(getattr(error, name, "")) for name in ("what", "why", "fix"))


# --- what is there --------------------------------------------------------------------------------


def test_a_model_is_pinned_to_its_manifest_and_every_file_promised(sim: RegistrySim) -> None:
    found = resolved(sim)
    digest = sim.tags["acme/model", "v1"]
    assert found.pinned == f"oci://{sim.host}/acme/model@{digest}"
    assert found.digest == {"sha256": digest.removeprefix("sha256:")}
    assert {part.path: part.digests for part in found.parts} == {
        path: {"sha256": sha256(data).removeprefix("sha256:")} for path, data in FILES.items()
    }
    assert weights(sim) == FILES["sub/weights.bin"]


def test_a_list_of_one_manifest_means_that_manifest(sim: RegistrySim) -> None:
    digest = sim.tags["acme/model", "v1"]
    entry = {"mediaType": MANIFEST, "digest": digest, "size": 1}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
    sim.add_manifest("acme/model", "list", index, INDEX)
    assert resolved(sim, "list").pinned.endswith(digest)
    sim.add_manifest("acme/model", "two", {**index, "manifests": [entry, entry]}, INDEX)
    with pytest.raises(UnsupportedError):
        resolved(sim, "two")


def test_a_tag_or_repository_that_is_not_there_could_not_be_checked(sim: RegistrySim) -> None:
    """Registries answer the same for what one may not see."""
    with pytest.raises(NetworkError, match="has no `v2`"):
        resolved(sim, "v2")
    with pytest.raises(NetworkError, match="has no"):
        resolved(sim, sha256(b"nothing"))


def test_a_manifest_without_layers_holds_nothing(sim: RegistrySim) -> None:
    sim.add_manifest("acme/model", "v1", sim.manifest([]))
    with pytest.raises(NoInputError):
        resolved(sim)


# --- lies -----------------------------------------------------------------------------------------


def test_a_moving_tag_moves_nothing_that_was_resolved(sim: RegistrySim) -> None:
    with opened(sim) as source:
        before = source.resolve()
        sim.add_model("acme/model", "v1", {"config.json": b"evil"})
        assert b"".join(source.read(before.parts[0])) == FILES["config.json"]
    after = resolved(sim)
    assert after.pinned != before.pinned


def test_a_false_digest_a_manifest_with_other_bytes_than_its_digest_is_refused(
    sim: RegistrySim,
) -> None:
    digest = sim.tags["acme/model", "v1"]
    other = json.dumps(
        sim.manifest([blob(b"evil", "a/b", org_opencontainers_image_title="x")])
    ).encode()
    sim.always[f"GET /v2/acme/model/manifests/{digest}"] = Reply(body=other)
    with pytest.raises(PromiseBrokenError):
        resolved(sim, digest)


def test_a_false_digest_header_is_refused(sim: RegistrySim) -> None:
    sim.always[f"GET {TAG}"] = Reply(headers={"Docker-Content-Digest": sha256(b"another")})
    with pytest.raises(PromiseBrokenError):
        resolved(sim)


@pytest.mark.parametrize("served", [FILES["sub/weights.bin"] + b"x", b"short"])
def test_a_blob_of_another_size_than_promised_is_refused(sim: RegistrySim, served: bytes) -> None:
    sim.always[f"GET {BLOB}"] = Reply(body=served)
    with pytest.raises(PromiseBrokenError):
        weights(sim)


def test_more_than_promised_without_a_length_is_refused(sim: RegistrySim) -> None:
    served = FILES["sub/weights.bin"] + b"x"
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(served), served)
    sim.always[f"GET {BLOB}"] = Reply(
        body=chunked, headers={"Content-Length": "", "Transfer-Encoding": "chunked"}
    )
    with pytest.raises((PromiseBrokenError, TransferBrokenError)):
        weights(sim)


def test_a_blob_that_is_encoded_is_refused(sim: RegistrySim) -> None:
    sim.always[f"GET {BLOB}"] = Reply(headers={"Content-Encoding": "gzip"})
    with pytest.raises(NetworkError):
        weights(sim)


def test_a_foreign_manifest_leads_nowhere(sim: RegistrySim) -> None:
    layer = {
        **blob(b"x", "a/b", org_opencontainers_image_title="x"),
        "urls": ["http://127.0.0.1:1/"],
    }
    sim.add_manifest("acme/model", "v1", sim.manifest([layer]))
    with pytest.raises(MalformedError):
        resolved(sim)


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "a//b", ".", "Model.Sig"])
def test_a_layer_whose_path_leads_out_is_refused(sim: RegistrySim, path: str) -> None:
    layer = blob(b"x", "application/vnd.cncf.model.weight.v1.raw", org_cncf_model_filepath=path)
    sim.add_manifest("acme/model", "v1", sim.manifest([layer]))
    with pytest.raises(ArtifactRefusedError):
        resolved(sim)


def test_a_layer_with_two_names_is_refused_since_clients_differ_in_which_they_take(
    sim: RegistrySim,
) -> None:
    kind = "application/vnd.cncf.model.weight.v1.raw"
    layer = blob(
        b"x", kind, org_cncf_model_filepath="a.bin", org_opencontainers_image_title="b.bin"
    )
    sim.add_manifest("acme/model", "v1", sim.manifest([layer]))
    with pytest.raises(MalformedError):
        resolved(sim)


def test_one_path_in_two_layers_is_refused(sim: RegistrySim) -> None:
    layers = [blob(data, "a/b", org_opencontainers_image_title="x") for data in (b"1", b"2")]
    sim.add_manifest("acme/model", "v1", sim.manifest(layers))
    with pytest.raises(MalformedError):
        resolved(sim)


@pytest.mark.parametrize(
    "kind", ["application/octet-stream", "application/vnd.oci.image.layer.v1.tar+gzip"]
)
def test_a_layer_that_names_no_file_is_unsupported_and_never_left_out(
    sim: RegistrySim, kind: str
) -> None:
    named = blob(b"x", "a/b", org_opencontainers_image_title="x")
    sim.add_manifest("acme/model", "v1", sim.manifest([named, blob(b"y", kind)]))
    with pytest.raises(UnsupportedError):
        resolved(sim)


# --- breaking off ---------------------------------------------------------------------------------


def test_a_truncated_download_can_be_resumed(sim: RegistrySim) -> None:
    sim.replies[f"GET {BLOB}"] = [Reply(cut=1000)]
    came: deque[int] = deque()
    with opened(sim) as source:
        part = source.resolve().parts[1]
        with pytest.raises(TransferBrokenError):
            came.extend(chain.from_iterable(source.read(part)))
        got = bytes(came)
        assert got == FILES["sub/weights.bin"][:1000]
        got += b"".join(source.read(part, len(got)))
    assert got == FILES["sub/weights.bin"]
    assert sim.requests("GET", BLOB)[-1].headers["range"] == "bytes=1000-"


def test_a_registry_without_ranges_is_asked_for_everything(sim: RegistrySim) -> None:
    sim.ranges = False
    assert weights(sim, 1000) == FILES["sub/weights.bin"][1000:]


@pytest.mark.parametrize("said", ["bytes 0-255999/256000", "bytes 1000-2000/9", "nonsense", ""])
def test_another_range_than_asked_for_is_refused(sim: RegistrySim, said: str) -> None:
    sim.always[f"GET {BLOB}"] = Reply(headers={"Content-Range": said})
    with pytest.raises(NetworkError):
        weights(sim, 1000)


def test_a_blob_that_shrank_is_refused_and_not_asked_for_again_and_again(sim: RegistrySim) -> None:
    sim.always[f"GET {BLOB}"] = Reply(416)
    with pytest.raises(PromiseBrokenError):
        weights(sim, 1000)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_registry_is_asked_again(sim: RegistrySim, status: int) -> None:
    sim.replies[f"GET {TAG}"] = [Reply(status, headers={"Retry-After": "0"}), Reply(status)]
    assert resolved(sim).parts
    assert len(sim.requests("GET", TAG)) == 3


@pytest.mark.parametrize("status", [429, 503])
def test_a_registry_that_stays_busy_could_not_be_checked(sim: RegistrySim, status: int) -> None:
    sim.always[f"GET {TAG}"] = Reply(status)
    with pytest.raises(NetworkError):
        resolved(sim)
    sim.always[f"GET {BLOB}"] = sim.always.pop(f"GET {TAG}")
    with pytest.raises(TransferBrokenError):
        weights(sim)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_is_said_once_and_not_asked_again(sim: RegistrySim, status: int) -> None:
    sim.always[f"GET {TAG}"] = Reply(status)
    with pytest.raises(NetworkError):
        resolved(sim)
    assert len(sim.requests("GET", TAG)) == 1


def test_a_blob_that_is_gone_could_not_be_checked(sim: RegistrySim) -> None:
    del sim.blobs[WEIGHTS]
    with pytest.raises(NetworkError):
        weights(sim)


def test_a_manifest_that_does_not_end_hits_a_limit(sim: RegistrySim) -> None:
    sim.always[f"GET {TAG}"] = Reply(body=b" " * (5 << 20))
    with pytest.raises(LimitError):
        resolved(sim)


def test_nobody_there_could_not_be_checked() -> None:
    with (
        OciSource(
            "oci://127.0.0.1:1/acme/model:v1", credentials=ANONYMOUS, patience=QUICK
        ) as source,
        pytest.raises(NetworkError),
    ):
        source.resolve()


# --- logging in -----------------------------------------------------------------------------------


def test_a_token_is_got_with_the_login_for_this_repository_and_no_other(sim: RegistrySim) -> None:
    sim.scheme = "Bearer"
    assert weights(sim, login=login_of(sim)) == FILES["sub/weights.bin"]
    assert set(sim.scopes) == {"repository:acme/model:pull"}


def test_a_registry_that_asks_for_user_and_password_gets_them(sim: RegistrySim) -> None:
    sim.scheme = "Basic"
    assert weights(sim, login=login_of(sim)) == FILES["sub/weights.bin"]


def test_an_identity_token_is_exchanged(sim: RegistrySim) -> None:
    sim.scheme, sim.identity_token = "Bearer", "refresh-secret"
    assert weights(sim, login=Credentials(identity_token=sim.identity_token))


def test_a_token_that_ran_out_is_renewed(sim: RegistrySim) -> None:
    sim.scheme = "Bearer"
    with opened(sim, login=login_of(sim)) as source:
        part = source.resolve().parts[1]
        sim.token += "-renewed"
        assert b"".join(source.read(part)) == FILES["sub/weights.bin"]


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
@pytest.mark.parametrize("login", [ANONYMOUS, Credentials("builder", "wrong-secret")])
def test_a_wrong_login_is_refused_and_never_printed(
    sim: RegistrySim, scheme: str, login: Credentials
) -> None:
    sim.scheme = scheme
    with pytest.raises(NetworkError) as refused:
        resolved(sim, login=login)
    assert "wrong-secret" not in text_of(refused.value)


def test_what_a_registry_repeats_of_a_login_is_not_printed(sim: RegistrySim) -> None:
    sim.scheme = "Bearer"
    pair = base64.b64encode(f"{sim.user}:{sim.password}".encode()).decode()
    message = (
        f"bad {sim.password} {sim.token} {pair} eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig\x1b[31m"
    )
    body = json.dumps({"errors": [{"code": "DENIED", "message": message}]}).encode()
    sim.always[f"GET {TAG}"] = Reply(403, body)
    with pytest.raises(NetworkError) as refused:
        resolved(sim, login=login_of(sim))
    said = text_of(refused.value)
    assert "DENIED" in said
    assert not any(one in said for one in (sim.password, sim.token, pair, "eyJ", "\x1b"))


def test_a_redirect_to_another_host_gets_no_login(sim: RegistrySim) -> None:
    sim.scheme = "Bearer"
    with RegistrySim() as other:
        other.add_blob(FILES["sub/weights.bin"])
        target = f"{other.url}{BLOB}?signature=presigned"
        sim.always[f"GET {BLOB}"] = Reply(307, headers={"Location": target})
        assert weights(sim, login=login_of(sim)) == FILES["sub/weights.bin"]
        assert [one.headers.get("authorization") for one in other.asked] == [None]


def test_a_challenge_of_another_host_is_not_answered(sim: RegistrySim) -> None:
    sim.scheme = "Bearer"
    with RegistrySim() as other:
        other.scheme, other.user, other.password = "Basic", sim.user, sim.password
        other.add_blob(FILES["sub/weights.bin"])
        sim.always[f"GET {BLOB}"] = Reply(
            302, headers={"Location": f"{other.url}{BLOB}?sig=presigned"}
        )
        with pytest.raises(NetworkError) as refused:
            weights(sim, login=login_of(sim))
        assert not any("authorization" in one.headers for one in other.asked)
    assert "presigned" not in text_of(refused.value)


def test_a_redirect_within_the_registry_keeps_the_login(sim: RegistrySim) -> None:
    sim.scheme = "Basic"
    sim.add_blob(FILES["sub/weights.bin"])
    sim.always[f"GET {BLOB}"] = Reply(307, headers={"Location": f"/v2/other/blobs/{WEIGHTS}"})
    assert weights(sim, login=login_of(sim)) == FILES["sub/weights.bin"]


@pytest.mark.parametrize(
    "target",
    ["http://example.invalid/x", "file:///etc/passwd", "ftp://127.0.0.1/x", "http://[x/", "//[::"],
)
def test_a_redirect_to_anything_but_https_is_refused(sim: RegistrySim, target: str) -> None:
    sim.always[f"GET {BLOB}"] = Reply(307, headers={"Location": target})
    with pytest.raises(NetworkError):
        weights(sim)


def test_redirects_without_end_are_refused(sim: RegistrySim) -> None:
    sim.always[f"GET {BLOB}"] = Reply(307, headers={"Location": BLOB})
    with pytest.raises(NetworkError):
        weights(sim)


@pytest.mark.parametrize(
    "realm",
    [
        "http://tokens.example.invalid/",
        "file:///etc/passwd",
        "",
        "https://u:p@x/",
        "//x",
        "http://[x/",
    ],
)
def test_a_token_service_that_could_not_keep_a_secret_is_not_asked(
    sim: RegistrySim, realm: str
) -> None:
    sim.scheme = "Bearer"
    challenge = f'Bearer realm="{realm}"'
    sim.always[f"GET {TAG}"] = Reply(401, headers={"WWW-Authenticate": challenge})
    with pytest.raises(NetworkError) as refused:
        resolved(sim, login=login_of(sim))
    assert sim.password not in text_of(refused.value)
    assert not sim.scopes


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"token":1}', b'{"token":"a\\nb"}', b'{"token":"a","token":"b"}', b"<html>"],
)
def test_a_token_service_that_answers_with_no_token_is_refused(
    sim: RegistrySim, body: bytes
) -> None:
    sim.scheme = "Bearer"
    sim.always["GET /token"] = Reply(body=body)
    with pytest.raises(NetworkError):
        resolved(sim, login=login_of(sim))


@pytest.mark.parametrize(
    "challenge", ["", "Negotiate", "Bearer", 'Bearer realm="', "\x00", ", ,", "Basic"]
)
def test_a_garbled_challenge_is_refused(sim: RegistrySim, challenge: str) -> None:
    sim.always[f"GET {TAG}"] = Reply(
        401, headers={"WWW-Authenticate": challenge.replace("\x00", "?")}
    )
    with pytest.raises(NetworkError):
        resolved(sim, login=login_of(sim))


def test_a_login_in_netrc_is_not_sent(
    sim: RegistrySim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password netrc-secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    resolved(sim)
    assert not any("authorization" in one.headers for one in sim.asked)


def test_a_login_for_this_machine_passes_no_proxy(
    sim: RegistrySim, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim.scheme = "Bearer"
    with RegistrySim() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        assert weights(sim, login=login_of(sim)) == FILES["sub/weights.bin"]
        assert not proxy.asked


def test_a_registry_that_drips_could_not_be_checked(sim: RegistrySim) -> None:
    sim.drip = 0.05
    hasty = Patience(document=0.3, pace=0.3, attempts=1)
    with OciSource(sim.uri("acme/model"), credentials=ANONYMOUS, patience=hasty) as source:
        with pytest.raises(NetworkError):
            source.resolve()
        sim.drip = 0
        part = source.resolve().parts[1]
        sim.drip = 0.05
        with pytest.raises(TransferBrokenError):
            list(source.read(part))


# --- the files of `docker login` ------------------------------------------------------------------


def config(folder: Path, document: Any) -> None:
    (folder / "config.json").write_text(
        document if isinstance(document, str) else json.dumps(document)
    )


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    return tmp_path


AUTH = base64.b64encode(b"bob:pass:word").decode()


def test_a_login_of_docker_is_found_for_its_registry_and_no_other(docker: Path) -> None:
    config(
        docker,
        {"auths": {"ghcr.io": {"auth": AUTH}, "https://index.docker.io/v1/": {"auth": AUTH}}},
    )
    assert find_credentials("ghcr.io") == Credentials("bob", "pass:word")
    assert find_credentials("docker.io") == Credentials("bob", "pass:word")
    for other in (
        "ghcr.io.evil.example",
        "evil.example",
        "ghcr.io:5000",
        "index.docker.io.evil.example",
    ):
        assert find_credentials(other) == ANONYMOUS


def test_tokens_of_docker_are_found(docker: Path) -> None:
    config(
        docker,
        {
            "auths": {
                "a.io": {"auth": AUTH, "identitytoken": "refresh"},
                "b.io": {"registrytoken": "t"},
            }
        },
    )
    assert find_credentials("a.io") == Credentials("bob", "pass:word", "refresh")
    assert find_credentials("b.io") == Credentials("", "", "", "t")


@pytest.mark.parametrize(
    "document",
    [
        {"credHelpers": {"ghcr.io": "evil; rm -rf"}},
        {"credsStore": "desktop", "auths": {"ghcr.io": {}}},
    ],
)
def test_no_program_that_a_file_names_is_run(docker: Path, document: Any) -> None:
    config(docker, document)
    with pytest.raises(UnsupportedError):
        find_credentials("ghcr.io")
    assert find_credentials("quay.io") == ANONYMOUS


@pytest.mark.parametrize(
    "entry",
    [
        {"auth": "secret-that-is-no-base64!"},
        {"auth": base64.b64encode(b"secret-without-colon").decode()},
        {"auth": base64.b64encode(b"a:secret\r\nX-Evil: 1").decode()},
        {"username": "a", "password": "secret\n"},
        {"auth": 1},
        "secret",
    ],
)
def test_a_garbled_login_is_refused_and_not_repeated(docker: Path, entry: Any) -> None:
    config(docker, {"auths": {"ghcr.io": entry}})
    with pytest.raises(MalformedError) as refused:
        find_credentials("ghcr.io")
    assert "secret" not in text_of(refused.value)


def test_a_garbled_file_of_logins_is_a_wrong_call(docker: Path) -> None:
    config(docker, '{"auths": {}, "auths": {}}')
    with pytest.raises(CallError):
        find_credentials("ghcr.io")


def test_a_login_shows_no_secret_when_it_is_printed() -> None:
    shown = repr(Credentials("bob", "hunter2", "refresh", "token-secret"))
    assert "bob" in shown
    assert not any(one in shown for one in ("hunter2", "refresh'", "token-secret"))
