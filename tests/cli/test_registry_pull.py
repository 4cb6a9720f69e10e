"""`pull oci://…`: archives are unpacked, what is refused never reaches the destination, whatever the policy."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Ran, RunCli
from tests.sim.registry import RegistrySim, Reply, blob, sha256

HEADER = json.dumps({"w": {"dtype": "U8", "shape": [5000], "data_offsets": [0, 5000]}}).encode()
WEIGHTS = len(HEADER).to_bytes(8, "little") + HEADER + b"w" * 5000
FILES = {"config.json": b"{}", "sub/model.safetensors": WEIGHTS}
PACK = "application/vnd.cncf.model.weight.v1"


@pytest.fixture
def sim() -> Iterator[RegistrySim]:
    with RegistrySim() as running:
        yield running


@pytest.fixture
def house(tmp_path: Path, run_cli: RunCli) -> Path:
    """Make a signed model and its key."""
    assert run_cli("key", "generate", "-o", "release.key", cwd=tmp_path).code == 0
    for path, data in FILES.items():
        (tmp_path / "model" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / path).write_bytes(data)
    assert run_cli("sign", "model", "--key", "release.key", cwd=tmp_path).code == 0
    return tmp_path


def pull(run_cli: RunCli, house: Path, uri: str, policy: str = "audit") -> Ran:
    return run_cli(
        "pull", uri, "--to", "pulled", "--policy", policy, "--key", "release.pub", cwd=house
    )


def archive(files: dict[str, bytes], mode: str = "w:gz", link: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as packed:  # type: ignore[call-overload] # a mode from outside
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            packed.addfile(entry, io.BytesIO(data))
        if link:
            entry = tarfile.TarInfo("link")
            entry.type, entry.linkname = tarfile.SYMTYPE, link
            packed.addfile(entry)
    return out.getvalue()


def add_archives(sim: RegistrySim, *layers: bytes) -> str:
    for data in (*layers, b"{}"):
        sim.add_blob(data)
    described = [blob(data, f"{PACK}.tar+gzip") for data in layers]
    return sim.add_manifest("acme/model", "v1", sim.manifest(described))


def tree(place: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(place)): path for path in place.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name != "model.claims"}


def test_what_was_pushed_is_pulled_with_its_claims(
    house: Path, run_cli: RunCli, sim: RegistrySim
) -> None:
    assert run_cli("push", "model", sim.uri("acme/model"), cwd=house).code == 0
    ran = pull(run_cli, house, sim.uri("acme/model"), "baseline")
    assert ran.code == 0, ran.stdout
    assert tree(house / "pulled") == FILES
    assert run_cli("verify", "pulled", "--key", "release.pub", cwd=house).code == 0


def test_archives_are_unpacked_and_judged_by_their_files(
    house: Path, run_cli: RunCli, sim: RegistrySim
) -> None:
    digest = add_archives(sim, *(archive({path: data}) for path, data in FILES.items()))
    for line in (house / "model/model.claims").read_bytes().splitlines():
        sim.attach("acme/model", digest, line)
    ran = pull(run_cli, house, sim.uri("acme/model"), "baseline")
    assert ran.code == 0, ran.stdout
    assert tree(house / "pulled") == FILES


@pytest.mark.parametrize(
    "layers",
    [
        [archive({"../evil": b"x"})],
        [archive({"/tmp/evil": b"x"})],
        [archive(FILES, link="/etc/passwd")],
        [archive(FILES)[:-20]],
        [archive({"a": b"1"}), archive({"a": b"2"})],
    ],
    ids=["zip-slip", "absolute", "link", "cut", "twice"],
)
def test_a_spoiled_layer_leaves_the_destination_untouched_even_for_audit(
    house: Path, run_cli: RunCli, sim: RegistrySim, layers: list[bytes]
) -> None:
    before = {path.name for path in house.iterdir()}
    add_archives(sim, *layers)
    ran = pull(run_cli, house, sim.uri("acme/model"))
    assert ran.code == 1, ran.stderr
    assert not (house / "pulled").exists()
    assert not (house / "evil").exists()
    assert {path.name for path in house.iterdir() if not path.name.startswith(".")} == before


def test_a_false_digest_is_refused_even_for_audit(
    house: Path, run_cli: RunCli, sim: RegistrySim
) -> None:
    sim.add_model("acme/model", "v1", FILES)
    sim.blobs[sha256(WEIGHTS)] = b"e" * len(WEIGHTS)
    assert pull(run_cli, house, sim.uri("acme/model")).code == 1
    assert not (house / "pulled").exists()


def test_a_truncated_download_is_resumed(house: Path, run_cli: RunCli, sim: RegistrySim) -> None:
    sim.add_model("acme/model", "v1", FILES)
    path = f"/v2/acme/model/blobs/{sha256(WEIGHTS)}"
    sim.replies[f"GET {path}"] = [Reply(cut=1000), Reply(503), Reply(cut=500)]
    assert pull(run_cli, house, sim.uri("acme/model")).code == 0
    assert tree(house / "pulled") == FILES
    ranges = [one.headers.get("range") for one in sim.requests("GET", path)]
    assert ranges == [None, "bytes=1000-", "bytes=1000-", "bytes=1500-"]


def test_a_tag_that_moves_between_two_pulls_is_another_pull(
    house: Path, run_cli: RunCli, sim: RegistrySim
) -> None:
    sim.add_model("acme/model", "v1", FILES)
    assert pull(run_cli, house, sim.uri("acme/model")).code == 0
    sim.add_model("acme/model", "v1", {"config.json": b"evil"})
    assert pull(run_cli, house, sim.uri("acme/model")).code == 2
    assert tree(house / "pulled") == FILES


def test_a_layer_that_makes_a_folder_of_anothers_file_places_nothing(
    house: Path, run_cli: RunCli, sim: RegistrySim
) -> None:
    add_archives(sim, archive({"a": b"1"}), archive({"a/b": b"2"}))
    assert pull(run_cli, house, sim.uri("acme/model")).code in (1, 4)
    assert not (house / "pulled").exists()


def test_many_files_are_fetched_at_once_with_one_login(
    house: Path, run_cli: RunCli, sim: RegistrySim, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = {f"part-{number}.json": b'{"n":%d}' % number for number in range(60)}
    sim.add_model("acme/model", "v1", many)
    sim.scheme = "Bearer"
    auth = sim.basic.removeprefix("Basic ")
    (house / "config.json").write_text(json.dumps({"auths": {sim.host: {"auth": auth}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(house))
    ran = pull(run_cli, house, sim.uri("acme/model"))
    assert ran.code == 0, ran.stdout + ran.stderr
    assert tree(house / "pulled") == many
    assert len(sim.scopes) == 1
    assert auth not in ran.stdout + ran.stderr


def test_a_restarted_pull_from_a_registry_counts_the_claims_that_it_keeps(
    house: Path, run_cli: RunCli, sim: RegistrySim
) -> None:
    assert run_cli("push", "model", sim.uri("acme/model"), cwd=house).code == 0
    assert pull(run_cli, house, sim.uri("acme/model"), "baseline").code == 0
    (house / "pulled/model.claims").unlink()
    before = tree(house / "pulled")
    ran = pull(run_cli, house, sim.uri("acme/model"), "baseline")
    assert ran.code == 0, ran.stdout + ran.stderr
    assert tree(house / "pulled") == before
    gated = run_cli("gate", "pulled", "--policy", "baseline", "--key", "release.pub", cwd=house)
    assert gated.code == 0, "whoever looks later has the claims that it was let through by"
