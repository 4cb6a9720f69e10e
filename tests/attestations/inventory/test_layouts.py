"""Artifacts are found wherever tools keep them, once each, and nothing can be hidden beside them."""

import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.inventory.caches import (
    COMMIT,
    EVIL,
    HONEST,
    SAFETENSORS,
    hub_repository,
    keras_cache,
    mlflow_run,
    ollama_store,
    put,
    torch_hub,
)
from tests.sim.hub import Lfs, Repository
from tests.sim.hub_cache import lay_out, share
from weightmark.attestations.inventory.examining import unread
from weightmark.attestations.inventory.interface import Place
from weightmark.attestations.inventory.inventory import Inventory, take_inventory
from weightmark.attestations.inventory.layouts import CACHES
from weightmark.attestations.inventory.openings import opening_of
from weightmark.attestations.inventory.record import Record
from weightmark.errors import CallError
from weightmark.provenance.identification import identify


def records(root: Path) -> dict[str, Record]:
    return {one.record.path: one.record for one in take_inventory(root).artifacts}


def test_a_hub_cache_gives_one_artifact_a_snapshot_with_the_identity_of_its_files(
    tmp_path: Path,
) -> None:
    files = {"model.safetensors": SAFETENSORS, "config.json": b'{"model_type": "x"}'}
    cache = tmp_path / "hub"
    hub_repository(cache, "acme/bert", files)
    hub_repository(cache, "acme/rows", {"rows.csv": b"a,b\n"}, plural="datasets")
    for path, data in files.items():
        put(tmp_path / "plain" / path, data)
    rows, model = take_inventory(cache).artifacts
    assert model.record.name == "hf://models/acme/bert"
    assert model.record.revision == COMMIT
    assert model.record.identity == identify(tmp_path / "plain").identity
    assert model.record.promise == "kept"
    assert (rows.record.kind, rows.record.name) == ("dataset", "hf://datasets/acme/rows")
    assert any("`main` led here" in note for note in model.record.notes)


@pytest.mark.parametrize("path", ["model.safetensors", "config.json"])
def test_a_poisoned_cache_does_not_keep_what_its_names_promise(tmp_path: Path, path: str) -> None:
    files = {"model.safetensors": SAFETENSORS, "config.json": b'{"model_type": "x"}'}
    root = hub_repository(tmp_path, "acme/bert", files)
    blob = (root / "snapshots" / COMMIT / path).resolve()
    data = bytearray(blob.read_bytes())
    data[-1] ^= 1
    blob.write_bytes(data)
    (record,) = records(tmp_path).values()
    assert record.promise == "broken"
    assert any(path in note for note in record.notes)


def test_nothing_hides_beside_the_snapshots_of_a_repository(tmp_path: Path) -> None:
    root = hub_repository(tmp_path, "acme/bert", {"model.safetensors": SAFETENSORS})
    put(root / "hidden" / "m.bin", EVIL)
    assert records(tmp_path)["models--acme--bert/hidden"].risk == "critical"


def test_an_unfinished_download_is_told(tmp_path: Path) -> None:
    root = hub_repository(tmp_path, "acme/bert", {"model.safetensors": SAFETENSORS})
    put(root / "blobs" / "abc.incomplete", b"half")
    (record,) = records(tmp_path).values()
    assert any("not finished" in note for note in record.notes)


def test_a_blob_that_repositories_share_is_listed_once_and_nothing_hides_beside_it(
    tmp_path: Path,
) -> None:
    root = hub_repository(tmp_path, "acme/bert", {"model.safetensors": SAFETENSORS})
    link = root / "snapshots" / COMMIT / "model.safetensors"
    stored = share(tmp_path, link.parent / link.readlink())
    put(stored.with_name(f"{stored.name}.refs"), "models--acme--bert/blobs/x\n")
    (record,) = records(tmp_path).values()
    assert (record.name, record.promise) == ("hf://models/acme/bert", "kept")
    stray = put(stored.with_name("ab" * 32), EVIL)
    put(stored.parent / "deep" / "m.pkl", EVIL)
    put(tmp_path / "blobs" / "other" / "m.pkl", EVIL)
    found = records(tmp_path)
    hidden = {stray.relative_to(tmp_path).as_posix(), f"blobs/{stored.parent.name}/deep"}
    assert {path for path, one in found.items() if one.risk == "critical"} == {*hidden, "blobs/other"}  # fmt: skip


def test_a_link_that_leads_to_itself_hides_nothing_and_is_no_crash(tmp_path: Path) -> None:
    root = hub_repository(tmp_path, "acme/bert", {"model.safetensors": SAFETENSORS})
    link = root / "snapshots" / COMMIT / "model.safetensors"
    stored = share(tmp_path, link.parent / link.readlink())
    (root / "blobs/loop").symlink_to("loop")
    (stored.parent / ("ab" * 32)).symlink_to("ab" * 32)
    stray = put(stored.with_name("cd" * 32), EVIL)
    found = records(tmp_path)
    assert found[stray.relative_to(tmp_path).as_posix()].risk == "critical"
    assert any(one.name == "hf://models/acme/bert" for one in found.values())


def test_a_listed_name_that_no_file_system_has_drops_no_repository(tmp_path: Path) -> None:
    repository = Repository("models", "acme/bert")
    repository.commit({"model.safetensors": Lfs(SAFETENSORS), "config.json": b"{}"})
    lay_out(repository, tmp_path)
    (listed,) = tmp_path.glob("*/trees/*.json")
    listed.write_text(listed.read_text().replace("config.json", "a" * 5000))
    (record,) = records(tmp_path).values()
    assert record.name == "hf://models/acme/bert"
    assert any(note.startswith("1 of 2 files of the revision") for note in record.notes)


def test_a_part_of_a_revision_is_told(tmp_path: Path) -> None:
    repository = Repository("models", "acme/bert")
    repository.commit({"model.safetensors": Lfs(SAFETENSORS), "config.json": b"{}"})
    snapshot = lay_out(repository, tmp_path)
    (whole,) = records(tmp_path).values()
    assert not any("of the revision" in note for note in whole.notes)
    (snapshot / "config.json").unlink()
    (part,) = records(tmp_path).values()
    assert "1 of 2 files of the revision lie here; `config.json` does not" in part.notes


def test_ollama_layers_are_held_against_their_digests(tmp_path: Path) -> None:
    ollama_store(tmp_path, "llama3", "8b", b"GGUF" + bytes(20))
    (record,) = records(tmp_path).values()
    assert (record.layout, record.name, record.revision) == ("ollama", "ollama:llama3", "8b")
    assert record.promise == "kept"
    (tmp_path / record.path).write_bytes(b"GGUF" + bytes(21))
    (record,) = records(tmp_path).values()
    assert record.promise == "broken"


def test_a_layer_that_two_names_share_is_listed_under_both_and_a_stray_blob_is_found(
    tmp_path: Path,
) -> None:
    ollama_store(tmp_path, "llama3", "8b", b"GGUF" + bytes(20))
    ollama_store(tmp_path, "mine", "latest", b"GGUF" + bytes(20))
    put(tmp_path / "blobs" / "sha256-stray", EVIL)
    found = take_inventory(tmp_path).artifacts
    assert sorted(one.record.name for one in found) == ["", "ollama:llama3", "ollama:mine"]
    assert {one.record.risk for one in found if not one.record.name} == {"critical"}


def test_a_manifest_that_names_no_blob_leaves_a_problem_and_not_a_crash(tmp_path: Path) -> None:
    manifest = ollama_store(tmp_path, "llama3", "8b", b"GGUF" + bytes(20))
    for blob in (tmp_path / "blobs").iterdir():
        blob.unlink()
    put(
        manifest.with_name("odd"), '{"layers": [1, {"digest": "sha256:../../etc", "mediaType": 4}]}'
    )
    put(manifest.with_name("broken"), "{")
    (record,) = records(tmp_path).values()
    assert record.problem
    assert record.identity == ""


def test_torch_hub_keras_and_mlflow_are_told_apart(tmp_path: Path) -> None:
    torch_hub(tmp_path / "torch")
    keras_cache(tmp_path)
    mlflow_run(tmp_path)
    put(tmp_path / "llama.cpp" / "acme_q4.gguf", b"GGUF" + bytes(20))
    found = {one.name: one.layout for one in records(tmp_path).values()}
    assert found == {
        "torch.hub:resnet.pth": "torch-hub",
        "torch.hub:acme/nets": "torch-hub",
        "keras:models/net.h5": "keras",
        "keras:datasets/rows.npz": "keras",
        f"runs:/{'ab' * 16}/model": "mlflow",
        "llama.cpp:acme_q4": "llama.cpp",
    }


def test_a_plain_folder_is_one_artifact_and_loose_files_beside_others_are_their_own(
    tmp_path: Path,
) -> None:
    put(tmp_path / "one" / "a.safetensors", SAFETENSORS)
    put(tmp_path / "one" / "words.txt", "words")
    put(tmp_path / "loose.pkl", HONEST)
    put(tmp_path / "rows" / "x.parquet", b"PAR1" + bytes(8) + b"PAR1")
    put(tmp_path / "notes" / "todo.txt", "nothing")
    found = records(tmp_path)
    assert {path: one.kind for path, one in found.items()} == {
        "loose.pkl": "model",
        "one": "model",
        "rows": "dataset",
    }
    assert found["one"].files == 2


@pytest.mark.parametrize("name", ["m.bin", "m.txt", "m", ".m"])
def test_a_pickle_is_found_whatever_its_name(tmp_path: Path, name: str) -> None:
    put(tmp_path / "d" / name, EVIL)
    assert records(tmp_path)["d"].risk == "critical"


def test_a_config_that_is_no_models_swallows_no_tree(tmp_path: Path) -> None:
    put(tmp_path / "config.json", '{"port": 80}')
    put(tmp_path / "a" / "m.pkl", HONEST)
    put(tmp_path / "b" / "m.pkl", HONEST)
    assert set(records(tmp_path)) == {"a", "b"}


def test_a_bad_file_stops_nothing(tmp_path: Path) -> None:
    put(tmp_path / "good" / "m.pkl", HONEST)
    put(tmp_path / "cut" / "m.pkl", HONEST[:-1])
    (tmp_path / "links").mkdir()
    put(tmp_path / "links" / "m.pkl", HONEST)
    (tmp_path / "links" / "out").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "pipe.pkl")
    found = records(tmp_path)
    assert found["good"].identity
    assert found["cut"].unchecked == 1
    assert found["links"].identity == ""


def test_links_to_folders_and_environments_are_left_out_and_said(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere" / "m.pkl", HONEST)
    (tmp_path / "loop").symlink_to(".")
    put(tmp_path / "env" / "pyvenv.cfg", "home = x")
    put(tmp_path / "env" / "m.pkl", HONEST)
    found = take_inventory(tmp_path)
    assert [one.record.path for one in found.artifacts] == ["elsewhere"]
    assert found.omitted == ("env: an environment of Python", "loop: a link to a folder")


def test_a_very_deep_tree_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(120):
        folder = folder / "d"
    folder.mkdir(parents=True)
    found = take_inventory(tmp_path)
    assert "deep" in found.problems[0].what


@pytest.mark.needs("non_utf8_names")
def test_names_that_are_no_text_are_printed(tmp_path: Path) -> None:
    put(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")) / "m.pkl", HONEST)
    put(tmp_path / "other" / "m.pkl", HONEST)
    found = take_inventory(tmp_path)
    json.dumps([one.record.to_json() for one in found.artifacts]).encode("utf-8")
    assert [one.record.path for one in found.artifacts] == ["other", "\\xff"]


def test_an_executor_gives_the_same_answer_in_the_same_order(tmp_path: Path) -> None:
    for number in range(30):
        put(tmp_path / f"m{number}" / "m.pkl", EVIL if number % 3 else HONEST)
    with ThreadPoolExecutor(4) as executor:
        spread = take_inventory(tmp_path, executor=executor)
    assert spread == take_inventory(tmp_path)


def test_a_single_file_is_an_inventory_too(tmp_path: Path) -> None:
    found: Inventory = take_inventory(put(tmp_path / "m.pkl", EVIL))
    assert [one.record.risk for one in found.artifacts] == ["critical"]
    with pytest.raises(CallError):
        take_inventory(tmp_path / "missing")


@pytest.mark.parametrize(
    ("word", "variables", "place"),
    [
        ("hf-cache", {"HF_HUB_CACHE": "/c"}, "/c"),
        ("hf-cache", {"HF_HOME": "/h"}, "/h/hub"),
        ("hf-cache", {"XDG_CACHE_HOME": "/x"}, "/x/huggingface/hub"),
        ("keras-cache", {"KERAS_HOME": "/k"}, "/k"),
        ("llama-cpp-cache", {"LLAMA_CACHE": "/l"}, "/l"),
        ("llama-cpp-cache", {"XDG_CACHE_HOME": "/x"}, "/x/llama.cpp"),
        ("ollama-cache", {"OLLAMA_MODELS": "/o"}, "/o"),
        ("torch-cache", {"TORCH_HOME": "/t"}, "/t/hub"),
        ("torch-cache", {"XDG_CACHE_HOME": "/x"}, "/x/torch/hub"),
    ],
)
def test_a_cache_is_where_its_variables_say(
    word: str, variables: dict[str, str], place: str
) -> None:
    assert CACHES[word](variables) == Path(place)
    assert CACHES[word]({}).is_absolute()


def test_what_could_not_be_read_or_checked_is_not_called_clean(tmp_path: Path) -> None:
    put(tmp_path / "good" / "m.pkl", HONEST)
    put(tmp_path / "cut" / "m.gguf", b"GGUF" + bytes(20))
    risks = {path: one.risk for path, one in records(tmp_path).items()}
    assert risks == {"cut": "unknown", "good": "none"}
    assert unread(Place("/x", "x", "hub"), "not fetched").risk == "unknown"


@given(st.binary(max_size=200))
def test_any_beginning_of_an_archive_is_judged_without_a_crash(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = put(Path(folder) / "m.bin", b"PK\x03\x04" + data)
        assert opening_of(path).counts
        put(path, b"PK\x03\x04" + data + b"PK\x05\x06" + data)
        opening_of(path)
