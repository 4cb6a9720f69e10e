"""Datasets on the command line: identified, signed, verified, scanned, compared and gated like models."""

import hashlib
import io
import json
import re
import tarfile
from pathlib import Path

import pytest

from tests.attestations import forge
from tests.cli.published import fitting
from tests.cli.running import RunCli

ROWS = b"a,b\n1,2\n"
PARQUET = b"PAR1" + bytes(16) + b"PAR1"


def shard() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("000.jpg", "000.json", "001.jpg"):
            info = tarfile.TarInfo(name)
            info.size = 2
            tar.addfile(info, io.BytesIO(b"{}"))
    return out.getvalue()


LAYOUTS = {
    "parquet": {"data/train-00000.parquet": PARQUET},
    "arrow, as `datasets` saves it": {
        "data-00000-of-00001.arrow": b"\xff\xff\xff\xff" + bytes(12),
        "dataset_info.json": b'{"license": "mit"}',
        "state.json": b'{"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}',
    },
    "csv": {"rows.csv": ROWS},
    "jsonl": {"train.jsonl": b'{"a": 1}\n{"a": 2}\n'},
    "images": {"cat/1.png": b"\x89PNG\r\n\x1a\n" + bytes(8), "dog/1.png": b"\x89PNG\r\n\x1a\n"},
    "webdataset": {"shard-000.tar": shard()},
}


def put(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def croissant(sha256: str = hashlib.sha256(ROWS).hexdigest(), **members: object) -> bytes:
    file = {"@type": "cr:FileObject", "@id": "r", "contentUrl": "rows.csv", "sha256": sha256}
    described = {"conformsTo": "http://mlcommons.org/croissant/1.1", "distribution": [file]}
    return json.dumps({**described, "license": "CC-BY-4.0", **members}).encode()


@pytest.fixture
def key(tmp_path: Path, run_cli: RunCli) -> str:
    assert run_cli("key", "generate", "-o", str(tmp_path / "k.key"), cwd=tmp_path).code == 0
    return str(tmp_path / "k")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_goes_through_every_command(
    layout: str, tmp_path: Path, key: str, run_cli: RunCli
) -> None:
    put(tmp_path / "d", LAYOUTS[layout])
    put(tmp_path / "e", {**LAYOUTS[layout], "more.csv": ROWS})
    assert run_cli("sign", "d", "--key", f"{key}.key", cwd=tmp_path).code == 0
    assert run_cli("verify", "d", "--key", f"{key}.pub", cwd=tmp_path).code == 0
    assert run_cli("scan", "d", cwd=tmp_path).code in (0, 3)
    assert "added: more.csv" in run_cli("diff", "d", "e", cwd=tmp_path).stdout
    ran = run_cli("gate", "d", "--policy", "baseline", "--key", f"{key}.pub", cwd=tmp_path)
    assert ran.code in (0, 4), ran.stdout
    (name, content), *_ = LAYOUTS[layout].items()
    (tmp_path / "d" / name).write_bytes(content[:-1] + b"x")
    assert run_cli("verify", "d", "--key", f"{key}.pub", cwd=tmp_path).code == 1
    ran = run_cli("gate", "d", "--policy", "baseline", "--key", f"{key}.pub", cwd=tmp_path)
    assert ran.code == 1


@pytest.mark.parametrize("command", ["digest", "scan", "verify", "gate"])
def test_what_a_dataset_says_of_itself_is_shown(
    command: str, tmp_path: Path, key: str, run_cli: RunCli
) -> None:
    card = b"---\nlicense: apache-2.0\nsource_datasets: [wikipedia]\n---\n"
    put(tmp_path / "d", {"rows.csv": ROWS, "croissant.json": croissant(), "README.md": card})
    assert run_cli("sign", "d", "--key", f"{key}.key", cwd=tmp_path).code == 0
    words = {
        "digest": ("--sha256",),
        "scan": (),
        "verify": ("--key", f"{key}.pub"),
        "gate": ("--policy", "baseline", "--key", f"{key}.pub"),
    }[command]
    said = run_cli(command, "d", *words, "-v", cwd=tmp_path).stdout
    assert "1 of 1 described file that is here has the SHA-256 stated; licence CC-BY-4.0" in said
    assert "the publisher says licence apache-2.0; made from wikipedia" in said


LIES = {
    "another digest": (croissant("0" * 64), 1),
    "one thing under two names": (croissant(**{"cr:license": "other"}), 1),
    "nested without end": (
        b'{"conformsTo": "http://mlcommons.org/croissant/1.1", "a": '
        + b"[" * 2000
        + b"]" * 2000
        + b"}",
        4,
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_description_that_does_not_hold_is_refused_even_when_it_is_signed(
    lie: str, tmp_path: Path, run_cli: RunCli
) -> None:
    files = {"rows.csv": ROWS, "croissant.json": LIES[lie][0]}
    tree = put(tmp_path / "d", files)
    signature = forge.bundle(forge.oms_statement(forge.resources(files)))
    put(tree, {"model.sig": json.dumps(signature).encode()})
    put(tmp_path, {"k.pub": forge.key().public.pem})
    for command in (
        ("digest", "d", "--sha256"),
        ("scan", "d"),
        ("verify", "d", "--key", "k.pub"),
        ("gate", "d", "--policy", "baseline", "--key", "k.pub"),
    ):
        ran = run_cli(*command, "-f", "json", cwd=tmp_path)
        assert ran.code == LIES[lie][1], ran.stdout
        checks = fitting(ran.stdout, command[0])["checks"]
        bad = [one["name"] for one in checks if one["outcome"] in {"fail", "unchecked"}]
        assert {name.partition(" ")[0] for name in bad} - {"scan", "problems"} == {"description"}


@pytest.mark.parametrize("lie", LIES)
def test_nobody_signs_a_description_that_does_not_hold(
    lie: str, tmp_path: Path, key: str, run_cli: RunCli
) -> None:
    put(tmp_path / "d", {"rows.csv": ROWS, "croissant.json": LIES[lie][0]})
    ran = run_cli("sign", "d", "--key", f"{key}.key", cwd=tmp_path)
    assert (ran.code, "not signed: `croissant.json`" in ran.stderr) == (LIES[lie][1], True)
    assert not (tmp_path / "d" / "model.sig").exists()


def test_a_live_dataset_and_a_short_digest_are_flagged(tmp_path: Path, run_cli: RunCli) -> None:
    put(tmp_path, {"rows.csv": ROWS, "croissant.json": croissant("0" * 40, isLiveDataset=True)})
    ran = run_cli("scan", ".", "-v", cwd=tmp_path)
    assert "the dataset is live, so its digests say what it was" in ran.stdout
    assert "`rows.csv` has 40 characters where the 64 digits of a SHA-256 belong" in ran.stdout


def test_a_described_file_that_is_absent_is_not_counted_as_here(
    tmp_path: Path, run_cli: RunCli
) -> None:
    described = {"@type": "cr:FileObject", "contentUrl": "gone.csv"}
    put(tmp_path, {"rows.csv": ROWS, "croissant.json": croissant(distribution=[described])})
    told = run_cli("scan", ".", "-v", cwd=tmp_path).stdout
    assert "none of the files that it describes is here; 1 elsewhere" in told
    assert "`gone.csv` is not part of the artifact" in told


def test_a_dataset_of_text_passes_by_the_policy_that_the_guide_shows(
    tmp_path: Path, key: str, run_cli: RunCli
) -> None:
    put(tmp_path / "d", {"train.jsonl": b'{"a": 1}\n'})
    assert run_cli("sign", "d", "--key", f"{key}.key", cwd=tmp_path).code == 0
    verified = run_cli("verify", "d", "--key", f"{key}.pub", cwd=tmp_path).stdout
    assert "no file of a kind that is scanned, by weightmark" in verified
    assert "unsupported by" not in verified
    made = ("policy", "init", "--preset", "baseline", "--key", f"{key}.pub", "-o", "data.toml")
    assert run_cli(*made, cwd=tmp_path).code == 0
    assert run_cli("gate", "d", "--policy", "./data.toml", cwd=tmp_path).code == 4
    rules = (tmp_path / "data.toml").read_text()
    allowing, count = re.subn('(?m)^unsupported = "list"', 'unsupported = "allow"', rules)
    assert count == 1
    (tmp_path / "data.toml").write_text(allowing)
    ran = run_cli("gate", "d", "--policy", "./data.toml", cwd=tmp_path)
    assert ran.code == 0, ran.stdout + ran.stderr


def test_decoys_at_the_root_hide_no_description(tmp_path: Path, run_cli: RunCli) -> None:
    put(tmp_path, {f"{number:04}.json": b"{}" for number in range(300)})
    put(tmp_path, {"rows.csv": ROWS, "z.json": croissant("0" * 64)})
    assert run_cli("scan", ".", cwd=tmp_path).code == 1
    put(tmp_path, {f"a{number:04}.json": b"{}" for number in range(800)})
    assert run_cli("scan", ".", cwd=tmp_path).code == 4
