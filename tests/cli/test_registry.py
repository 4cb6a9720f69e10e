"""`push` and `verify oci://…`: what a registry promises against what was signed, without fetching it."""

import json
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.published import fitting
from tests.cli.running import Ran, RunCli
from tests.sim.docker_registry import DockerRegistry
from tests.sim.registry import MANIFEST, RegistrySim, blob, sha256
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.signers.key import KeySigner

FILES = {"config.json": b"{}", "sub/weights.bin": b"w" * 5000}
RAW = "application/vnd.cncf.model.weight.v1.raw"


@pytest.fixture
def sim() -> Iterator[RegistrySim]:
    with RegistrySim() as running:
        yield running


@pytest.fixture
def house(tmp_path: Path, run_cli: RunCli) -> Path:
    """Make a signed model, its key, and the key of a stranger."""
    for name in ("release", "stranger"):
        assert run_cli("key", "generate", "-o", f"{name}.key", cwd=tmp_path).code == 0
    for path, data in FILES.items():
        (tmp_path / "model" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / path).write_bytes(data)
    assert run_cli("sign", "model", "--key", "release.key", cwd=tmp_path).code == 0
    return tmp_path


def push(run_cli: RunCli, house: Path, uri: str, *args: str, model: str = "model") -> Ran:
    return run_cli("push", model, uri, "-f", "json", *args, cwd=house)


def verify(run_cli: RunCli, house: Path, uri: str, *args: str, key: str = "release.pub") -> Ran:
    return run_cli("verify", uri, "--key", key, "-f", "json", *args, cwd=house)


def bundles(house: Path) -> list[bytes]:
    """Return all claims, the model signature first."""
    claims = (house / "model/model.claims").read_bytes().splitlines()
    return [(house / "model/model.sig").read_bytes(), *claims]


def add_files(sim: RegistrySim) -> str:
    return sim.add_model("acme/model", "v1", FILES)


def add_archive(sim: RegistrySim) -> str:
    layer = blob(b"x", "application/vnd.cncf.model.weight.v1.tar")
    return sim.add_manifest("acme/model", "v1", sim.manifest([layer]))


def cosigned(house: Path, digest: str, **change: Any) -> bytes:
    """Return what `cosign sign` makes of a manifest, signed with the release key."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "", "digest": {"sha256": digest.removeprefix("sha256:")}}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
        **change,
    }
    signer = KeySigner(PrivateKey.load(house / "release.key"))
    return signer.sign_statement(json.dumps(statement).encode()).to_bytes()


# --- good -----------------------------------------------------------------------------------------


@pytest.mark.needs("docker_registry")
def test_what_was_pushed_to_debians_registry_is_verified_without_fetching_it(
    house: Path, run_cli: RunCli, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with DockerRegistry(tmp_path_factory.mktemp("registry")) as real:
        done = push(run_cli, house, real.uri("acme/model"))
        said = fitting(done.stdout, "push")
        assert (done.code, said["layers"], said["claims"]) == (0, 2, said["attached"])
        ran = verify(run_cli, house, real.uri("acme/model"))
    answer = fitting(ran.stdout, "verify")
    assert (ran.code, answer["verdict"], answer["digest_used"]) == (0, "verified", "sha256")
    assert answer["identity"] == said["identity"]
    assert answer["pinned"] == said["pinned"]
    assert [one["path"] for one in answer["files"]] == sorted(FILES)


@pytest.mark.needs("docker_registry")
def test_every_call_on_the_page_about_registries_works_in_order(
    tmp_path: Path, run_cli: RunCli, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (tmp_path / "my-model").mkdir()
    (tmp_path / "my-model/weights.pkl").write_bytes(b"\x80\x04}.")
    page = (Path(__file__).parents[2] / "docs/registry.md").read_text()
    calls = [line for line in page.splitlines() if line.startswith("$ weightmark ")]
    assert len(calls) == 7
    with DockerRegistry(tmp_path_factory.mktemp("registry")) as real:
        for call in calls:
            words = shlex.split(call.replace("localhost:5000", real.host))[2:]
            ran = run_cli(*words, cwd=tmp_path)
            assert ran.code == 0, f"{call}: {ran.stdout}{ran.stderr}"
    assert (tmp_path / "deployed/weights.pkl").read_bytes() == b"\x80\x04}."


def test_no_file_is_fetched_to_verify_it(house: Path, run_cli: RunCli, sim: RegistrySim) -> None:
    push(run_cli, house, sim.uri("acme/model"))
    sim.asked.clear()
    assert verify(run_cli, house, sim.uri("acme/model")).code == 0
    fetched = {one.path.rpartition("/")[2] for one in sim.requests("GET", "/blobs/")}
    assert fetched == {sha256(one) for one in bundles(house)}


def test_a_pinned_address_is_verified_as_well(
    house: Path, run_cli: RunCli, sim: RegistrySim
) -> None:
    pinned = json.loads(push(run_cli, house, sim.uri("acme/model")).stdout)["pinned"]
    assert verify(run_cli, house, pinned).code == 0


def test_a_bare_model_signature_suffices(house: Path, run_cli: RunCli, sim: RegistrySim) -> None:
    digest = sim.add_model("acme/model", "v1", FILES)
    sim.attach("acme/model", digest, bundles(house)[0])
    ran = verify(run_cli, house, sim.uri("acme/model"))
    assert (ran.code, fitting(ran.stdout)["identity"]) == (0, None)


def test_claims_from_elsewhere_suffice(house: Path, run_cli: RunCli, sim: RegistrySim) -> None:
    sim.add_model("acme/model", "v1", FILES)
    assert verify(run_cli, house, sim.uri("acme/model")).code == 3
    ran = verify(run_cli, house, sim.uri("acme/model"), "--claims", "model/model.claims")
    assert ran.code == 0


def test_sidecars_that_were_pushed_as_files_are_sidecars(
    house: Path, run_cli: RunCli, sim: RegistrySim
) -> None:
    signature, *claims = bundles(house)
    files = {**FILES, "model.sig": signature, "model.claims": b"\n".join(claims) + b"\n"}
    sim.add_model("acme/model", "v1", files)
    assert verify(run_cli, house, sim.uri("acme/model")).code == 0
    sim.add_model("acme/model", "v1", {**files, "model.claims": b"evil\n"})
    assert verify(run_cli, house, sim.uri("acme/model")).code == 1


# --- bad ------------------------------------------------------------------------------------------

TAMPERED = {
    "changed": {**FILES, "config.json": b'{"auto_map":1}'},
    "extra": {**FILES, "modeling.py": b"x"},
    "missing": {"config.json": FILES["config.json"]},
    "renamed": {"config.json": FILES["config.json"], "other.bin": FILES["sub/weights.bin"]},
    "swapped": {"config.json": FILES["sub/weights.bin"], "sub/weights.bin": FILES["config.json"]},
}


@pytest.mark.parametrize("kind", TAMPERED)
@pytest.mark.parametrize("claims", ["all", "signature", "manifest"])
def test_good_claims_attached_to_other_files_are_refused(
    house: Path, run_cli: RunCli, sim: RegistrySim, kind: str, claims: str
) -> None:
    signature, *others = bundles(house)
    digest = sim.add_model("acme/model", "v1", TAMPERED[kind])
    for one in {"all": [signature, *others], "signature": [signature], "manifest": others}[claims]:
        sim.attach("acme/model", digest, one)
    ran = verify(run_cli, house, sim.uri("acme/model"))
    answer = fitting(ran.stdout, "verify")
    assert (ran.code, answer["verdict"], answer["files"], answer["signers"]) == (
        1,
        "refused",
        [],
        [],
    )


def test_a_stranger_is_refused(house: Path, run_cli: RunCli, sim: RegistrySim) -> None:
    push(run_cli, house, sim.uri("acme/model"))
    assert verify(run_cli, house, sim.uri("acme/model"), key="stranger.pub").code == 1


def test_an_old_signature_that_somebody_attached_refutes_no_good_claim(
    house: Path, run_cli: RunCli, sim: RegistrySim
) -> None:
    old = bundles(house)[0]
    (house / "model/config.json").write_bytes(b'{"new":1}')
    signed = run_cli("sign", "model", "--key", "release.key", "--replace", cwd=house)
    assert signed.code == 0
    digest = json.loads(push(run_cli, house, sim.uri("acme/model")).stdout)["pinned"].partition(
        "@"
    )[2]
    sim.attach("acme/model", digest, old)
    assert verify(run_cli, house, sim.uri("acme/model")).code == 0


def test_nobody_signed_it_is_neither_good_nor_bad(
    house: Path, run_cli: RunCli, sim: RegistrySim
) -> None:
    sim.add_model("acme/model", "v1", FILES)
    assert verify(run_cli, house, sim.uri("acme/model")).code == 3
    assert run_cli("verify", sim.uri("acme/model"), cwd=house).code == 3


def test_whom_to_trust_must_be_said(house: Path, run_cli: RunCli, sim: RegistrySim) -> None:
    push(run_cli, house, sim.uri("acme/model"))
    assert run_cli("verify", sim.uri("acme/model"), cwd=house).code == 2


def test_archives_could_not_be_checked_since_nobody_promises_their_files(
    house: Path, run_cli: RunCli, sim: RegistrySim
) -> None:
    digest = add_archive(sim)
    for one in bundles(house):
        sim.attach("acme/model", digest, one)
    assert verify(run_cli, house, sim.uri("acme/model")).code == 4


def test_a_false_digest_is_bad_whoever_signed(
    house: Path, run_cli: RunCli, sim: RegistrySim
) -> None:
    pinned = json.loads(push(run_cli, house, sim.uri("acme/model")).stdout)["pinned"]
    digest = pinned.partition("@")[2]
    data, _ = sim.manifests["acme/model", digest]
    sim.manifests["acme/model", digest] = (data + b" ", MANIFEST)
    assert verify(run_cli, house, pinned).code == 1


def test_a_claim_with_other_bytes_than_promised_is_bad(
    house: Path, run_cli: RunCli, sim: RegistrySim
) -> None:
    push(run_cli, house, sim.uri("acme/model"))
    for one in bundles(house):
        sim.blobs[sha256(one)] = one[:-2] + b" }"
    assert verify(run_cli, house, sim.uri("acme/model")).code == 1


def test_no_network_could_not_be_checked(house: Path, run_cli: RunCli, sim: RegistrySim) -> None:
    for words in (
        ("verify", sim.uri("a/b"), "--key", "release.pub"),
        ("push", "model", sim.uri("a/b")),
    ):
        assert run_cli(*words, "--offline", cwd=house).code == 4
    assert not sim.asked


@pytest.mark.parametrize(
    "args",
    [
        ("--deep",),
        ("--digests", "both"),
        ("--signature", "model/model.sig"),
        ("--ignore-paths", "x"),
    ],
)
def test_what_is_about_local_files_is_a_wrong_call(
    house: Path, run_cli: RunCli, sim: RegistrySim, args: tuple[str, ...]
) -> None:
    push(run_cli, house, sim.uri("acme/model"))
    assert verify(run_cli, house, sim.uri("acme/model"), *args).code == 2


def test_a_ledger_that_revokes_the_model_refuses_it(
    house: Path, run_cli: RunCli, sim: RegistrySim
) -> None:
    identity = json.loads(push(run_cli, house, sim.uri("acme/model")).stdout)["identity"]
    made = run_cli("ledger", "init", "ledger", "--admit", "release.pub", cwd=house)
    assert made.code == 0, made.stderr
    good = verify(run_cli, house, sim.uri("acme/model"), "--ledger", "ledger")
    assert good.code == 0, good.stdout
    revoked = run_cli(
        "revoke",
        identity,
        "--reason",
        "poisoned",
        "--key",
        "release.key",
        "--ledger",
        "ledger",
        cwd=house,
    )
    assert revoked.code == 0, revoked.stderr
    assert verify(run_cli, house, sim.uri("acme/model"), "--ledger", "ledger").code == 1


# --- signatures over the registry's own manifest ---------------------------------------------------


@pytest.mark.parametrize("add", [add_archive, add_files])
def test_what_cosign_signed_is_verified_by_the_digest_of_its_manifest(
    house: Path, run_cli: RunCli, sim: RegistrySim, add: Callable[[RegistrySim], str]
) -> None:
    digest = add(sim)
    sim.attach("acme/model", digest, cosigned(house, digest))
    ran = verify(run_cli, house, sim.uri("acme/model"))
    answer = fitting(ran.stdout, "verify")
    assert (ran.code, answer["verdict"], len(answer["signers"])) == (0, "verified", 1)
    assert verify(run_cli, house, sim.uri("acme/model"), key="stranger.pub").code == 1


@pytest.mark.parametrize(
    "change",
    [
        {"subject": [{"name": "", "digest": {"sha256": "ab" * 32}}]},
        {"subject": [{"name": "", "digest": {"sha512": "ab" * 64}}]},
        {"predicateType": "https://slsa.dev/provenance/v1"},
        {"predicateType": "https://sigstore.dev/cosign/sign/v1x"},
    ],
)
def test_a_statement_about_something_else_speaks_for_no_manifest(
    house: Path, run_cli: RunCli, sim: RegistrySim, change: dict[str, Any]
) -> None:
    digest = add_files(sim)
    sim.attach("acme/model", digest, cosigned(house, digest, **change))
    assert verify(run_cli, house, sim.uri("acme/model")).code == 3


def test_a_statement_about_two_manifests_speaks_for_none(
    house: Path, run_cli: RunCli, sim: RegistrySim
) -> None:
    digest = add_files(sim)
    subjects = [{"name": "", "digest": {"sha256": one}} for one in (digest[7:], "ab" * 32)]
    sim.attach("acme/model", digest, cosigned(house, digest, subject=subjects))
    assert verify(run_cli, house, sim.uri("acme/model")).code == 3


def test_a_signed_manifest_does_not_outweigh_a_claim_that_it_contradicts(
    house: Path, run_cli: RunCli, sim: RegistrySim
) -> None:
    digest = sim.add_model("acme/model", "v1", TAMPERED["changed"])
    for one in (cosigned(house, digest), *bundles(house)):
        sim.attach("acme/model", digest, one)
    assert verify(run_cli, house, sim.uri("acme/model")).code == 1


# --- pushing --------------------------------------------------------------------------------------


def test_claims_that_came_later_are_attached_without_files(
    house: Path, run_cli: RunCli, sim: RegistrySim
) -> None:
    sim.add_model("acme/model", "v1", FILES)
    done = push(run_cli, house, sim.uri("acme/model"), "--claims-only")
    assert (done.code, fitting(done.stdout, "push")["identity"]) == (0, None)
    assert not sim.requests("PUT", "/manifests/v1")
    assert verify(run_cli, house, sim.uri("acme/model")).code == 0


def test_an_unsigned_model_is_pushed_and_it_is_said(
    house: Path, run_cli: RunCli, sim: RegistrySim
) -> None:
    for name in ("model.sig", "model.claims"):
        (house / "model" / name).unlink()
    done = push(run_cli, house, sim.uri("acme/model"))
    assert (done.code, fitting(done.stdout)["claims"]) == (0, 0)
    assert push(run_cli, house, sim.uri("acme/model"), "--claims-only").code == 2


def test_git_and_sidecars_are_no_layers(house: Path, run_cli: RunCli, sim: RegistrySim) -> None:
    (house / "model/.git").mkdir()
    (house / "model/.git/config").write_bytes(b"secret")
    assert push(run_cli, house, sim.uri("acme/model")).code == 0
    document = json.loads(sim.manifests["acme/model", sim.tags["acme/model", "v1"]][0])
    titles = {one["annotations"]["org.opencontainers.image.title"] for one in document["layers"]}
    assert titles == set(FILES)


@pytest.mark.parametrize("what", ["file", "link", "reserved", "empty", "missing"])
def test_what_no_registry_can_give_back_is_not_pushed(
    house: Path, run_cli: RunCli, sim: RegistrySim, what: str
) -> None:
    model = house / "model"
    if what == "link":
        (model / "out").symlink_to("/etc/passwd")
    elif what == "reserved":
        (model / "model.claims").write_bytes(b"no claim\n")
    elif what == "empty":
        shutil.rmtree(model)
        model.mkdir()
    place = {"file": "model/config.json", "missing": "nowhere"}.get(what, "model")
    code = {"file": 2, "link": 1, "reserved": 2, "empty": 3, "missing": 2}[what]
    assert push(run_cli, house, sim.uri("acme/model"), model=place).code == code
    assert not sim.tags


def test_no_login_is_printed_whatever_happens(
    house: Path, run_cli: RunCli, sim: RegistrySim, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim.scheme = "Bearer"
    auth = sim.basic.removeprefix("Basic ")
    (house / "config.json").write_text(json.dumps({"auths": {sim.host: {"auth": auth}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(house))
    ran = [push(run_cli, house, sim.uri("acme/model"), "-v", "-v")]
    ran.append(verify(run_cli, house, sim.uri("acme/model"), "-v", "-v"))
    assert [one.code for one in ran] == [0, 0]
    sim.password = sim.password[::-1]
    sim.token += "x"
    ran.append(verify(run_cli, house, sim.uri("acme/model"), "-v", "-v"))
    assert ran[-1].code == 4
    for one in ran:
        assert not any(
            word in one.stdout + one.stderr
            for word in (auth, "hunter2", "secret-token", "secret-state")
        )


@pytest.mark.parametrize(
    "uri",
    [
        "s3://acme/model",
        "hf://a/b/c/d",
        "mlflow:models:/a/1",
        "oci://host/Model:v1",
        "oci://u:p@host/m:v",
        "host/m:v",
    ],
)
def test_what_is_no_place_to_push_to_is_a_wrong_call(
    house: Path, run_cli: RunCli, uri: str
) -> None:
    ran = push(run_cli, house, uri)
    assert ran.code == 2
    assert "u:p@" not in ran.stderr


@pytest.mark.parametrize("path", [".git/config", ".cache/huggingface/evil.py"])
def test_unsigned_files_outside_of_the_artifact_in_a_manifest_are_refused(
    house: Path, run_cli: RunCli, sim: RegistrySim, path: str
) -> None:
    digest = sim.add_model("acme/model", "v1", {**FILES, path: b"evil"})
    for bundle in bundles(house):
        sim.attach("acme/model", digest, bundle)
    ran = verify(run_cli, house, sim.uri("acme/model"))
    answer = fitting(ran.stdout, "verify")
    (said,) = [one for one in answer["checks"] if one["name"] == "outside"]
    assert (ran.code, answer["verdict"], said["details"]) == (1, "refused", [f"`{path}`"])
