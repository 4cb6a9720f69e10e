"""References in code and manifests: found with their lines, judged by whether they can move, never executed."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.inventory.caches import COMMIT, put
from weightmark.attestations.inventory.inventory import take_inventory
from weightmark.attestations.inventory.references.adapters import AdapterReader
from weightmark.attestations.inventory.references.interface import Pin
from weightmark.attestations.inventory.references.notebooks import NotebookReader
from weightmark.attestations.inventory.references.python_code import PythonReader
from weightmark.attestations.inventory.references.text_lines import TextReader
from weightmark.errors import MalformedError, WeightmarkError


@pytest.mark.parametrize(
    ("code", "via", "target", "pin"),
    [
        ('AutoModel.from_pretrained("a/b")', "from_pretrained", "a/b", "unpinned"),
        ('AutoModel.from_pretrained("a/b", revision="main")', "from_pretrained", "a/b", "unpinned"),
        (f'X.from_pretrained("a/b", revision="{COMMIT}")', "from_pretrained", "a/b", "pinned"),
        (f'X.from_pretrained("a/b", revision="{COMMIT[:7]}")', "from_pretrained", "a/b", "unpinned"),
        ('X.from_pretrained("./here")', "from_pretrained", "./here", "local"),
        ("X.from_pretrained(name)", "from_pretrained", "", "unknown"),
        ("X.from_pretrained(**settings)", "from_pretrained", "", "unknown"),
        ('X.from_pretrained("a/b", revision=rev)', "from_pretrained", "a/b", "unknown"),
        ('X.from_pretrained("a/b", **more)', "from_pretrained", "a/b", "unknown"),
        ('X.from_pretrained("a/b", revision=None)', "from_pretrained", "a/b", "unpinned"),
        (f'R = "{COMMIT}"\nX.from_pretrained("a/b", revision=R)', "from_pretrained", "a/b", "pinned"),
        ('load_dataset("a/b", split="train")', "load_dataset", "a/b", "unpinned"),
        ('datasets.load_dataset(path="a/b")', "load_dataset", "a/b", "unpinned"),
        ('hf_hub_download(repo_id="a/b", filename="x")', "hf_hub_download", "a/b", "unpinned"),
        ('pipeline("text", model="a/b")', "pipeline", "a/b", "unpinned"),
        ('pipeline("text", "a/b")', "pipeline", "a/b", "unpinned"),
        ('LLM(model="a/b", dtype="auto")', "LLM", "a/b", "unpinned"),
        ('vllm.LLM("a/b")', "LLM", "a/b", "unpinned"),
        (f'LLM(model="a/b", revision="{COMMIT}")', "LLM", "a/b", "pinned"),
        ('AsyncEngineArgs(model="/models/llm")', "AsyncEngineArgs", "/models/llm", "local"),
        ('SentenceTransformer("a/b")', "SentenceTransformer", "a/b", "unpinned"),
        ('torch.hub.load("a/b:main", "net")', "torch.hub.load", "a/b", "unpinned"),
        (f'torch.hub.load("a/b:{COMMIT}", "net")', "torch.hub.load", "a/b", "pinned"),
        ('torch.hub.load("here", "net", source="local")', "torch.hub.load", "here", "local"),
        ('mlflow.pyfunc.load_model("models:/m/Production")', "load_model", "models:/m/Production", "unpinned"),
    ],
)  # fmt: skip
def test_a_call_is_judged(code: str, via: str, target: str, pin: str) -> None:
    (found,) = PythonReader().read("x.py", code.encode())
    assert (found.via, found.target, found.pin.value) == (via, target, pin)
    assert found.line == code.count("\n") + 1


@pytest.mark.parametrize(
    "code",
    [
        f'R = "{COMMIT}"\nR = "main"\nX.from_pretrained("a/b", revision=R)',
        f'R = "{COMMIT}"\nfor R in f(): pass\nX.from_pretrained("a/b", revision=R)',
        f'R = "{COMMIT}"\ndef g(R): X.from_pretrained("a/b", revision=R)',
        f'R = "{COMMIT}"\nif (R := f()): X.from_pretrained("a/b", revision=R)',
        f'R = "{COMMIT}"\nimport R\nX.from_pretrained("a/b", revision=R)',
        f'R = "{COMMIT}"\ndef R(): pass\nX.from_pretrained("a/b", revision=R)',
        f'R = "{COMMIT}"\nR += "x"\nX.from_pretrained("a/b", revision=R)',
        f'R = "{COMMIT}"\ndel R\nX.from_pretrained("a/b", revision=R)',
        f'R = "{COMMIT}"\nfrom x import *\nX.from_pretrained("a/b", revision=R)',
        f'R = "{COMMIT}"\ntry: pass\nexcept E as R: pass\nX.from_pretrained("a/b", revision=R)',
        f'R = "{COMMIT}"\nmatch x:\n  case R: pass\nX.from_pretrained("a/b", revision=R)',
    ],
)
def test_a_name_that_is_bound_twice_pins_nothing(code: str) -> None:
    (found,) = PythonReader().read("x.py", code.encode())
    assert found.pin is Pin.UNKNOWN


@pytest.mark.parametrize(
    ("file", "line", "via", "target", "pin"),
    [
        ("k.yaml", "storageUri: hf://a/b", "storageUri", "hf://a/b", "unpinned"),
        ("k.yaml", f"  storageUri: 'hf://a/b@{COMMIT}'", "storageUri", f"hf://a/b@{COMMIT}", "pinned"),
        ("k.yaml", "storageUri: pvc://claim/x", "storageUri", "pvc://claim/x", "local"),
        ("k.yaml", "storageUri: s3://bucket/x", "storageUri", "s3://bucket/x", "unpinned"),
        ("k.yaml", "model: oci://host/m:v1", "address", "oci://host/m:v1", "unpinned"),
        ("k.yaml", "storageUri: gs://b/m", "storageUri", "gs://b/m", "unpinned"),
        ("k.yaml", f"storageUri: gs://b/m?listing={'a' * 64}", "storageUri", f"gs://b/m?listing={'a' * 64}", "unpinned"),
        ("k.yaml", f"storageUri: weightmark+gs://b/m?listing={'a' * 64}", "storageUri", f"weightmark+gs://b/m?listing={'a' * 64}", "pinned"),
        ("k.yaml", f"storageUri: weightmark+https://h/m#sha256={'a' * 64}", "storageUri", f"weightmark+https://h/m#sha256={'a' * 64}", "pinned"),
        ("k.yaml", f"storageUri: weightmark+http://h/m#sha256={'a' * 64}", "storageUri", f"weightmark+http://h/m#sha256={'a' * 64}", "unpinned"),
        ("k.yaml", "storageUri: weightmark+mlflow:models:/bert/3", "storageUri", "weightmark+mlflow:models:/bert/3", "unpinned"),
        ("k.yaml", f"m: oci://h/m@sha256:{'a' * 64}", "address", f"oci://h/m@sha256:{'a' * 64}", "pinned"),
        ("k.yaml", "m: weightmark+hf://a/b", "address", "weightmark+hf://a/b", "unpinned"),
        ("Modelfile", "FROM llama3:8b", "FROM", "llama3:8b", "unpinned"),
        ("Modelfile", "FROM ./m.gguf", "FROM", "./m.gguf", "local"),
        ("Modelfile", "ADAPTER ./lora.gguf", "ADAPTER", "./lora.gguf", "local"),
        ("Dockerfile", "RUN hf download a/b", "hf download", "a/b", "unpinned"),
        ("Dockerfile", f"RUN hf download a/b --revision {COMMIT}", "hf download", "a/b", "pinned"),
        ("s.sh", "huggingface-cli download a/b x.bin", "hf download", "a/b", "unpinned"),
        ("s.sh", 'hf download "$MODEL"', "hf download", "$MODEL", "unknown"),
        ("s.sh", "git clone https://huggingface.co/a/b", "git clone", "https://huggingface.co/a/b", "unpinned"),
        ("s.sh", "git clone --depth 1 git@hf.co:a/b", "git clone", "git@hf.co:a/b", "unpinned"),
        ("s.sh", "ollama pull llama3", "ollama", "llama3", "unpinned"),
        ("s.sh", "curl -L https://huggingface.co/a/b/resolve/main/m", "download", "https://huggingface.co/a/b/resolve/main/m", "unpinned"),
        ("s.sh", f"wget https://huggingface.co/a/b/resolve/{COMMIT}/m", "download", f"https://huggingface.co/a/b/resolve/{COMMIT}/m", "pinned"),
        ("k.yaml", 'args: ["--model", "a/b"]', "--model", "a/b", "unpinned"),
        ("k.yaml", f'args: ["--model", "a/b", "--revision", "{COMMIT}"]', "--model", "a/b", "pinned"),
        ("k.yaml", "args: [--model=/models/llm, --port=8000]", "--model", "/models/llm", "local"),
        ("k.yaml", 'args: ["--model", "$(MODEL)"]', "--model", "$(MODEL", "unknown"),
        ("s.sh", "text-generation-launcher --model-id a/b --port 80", "--model", "a/b", "unpinned"),
        ("s.sh", f"vllm serve a/b --revision={COMMIT}", "vllm serve", "a/b", "pinned"),
        ("s.sh", f"vllm serve a/b --tokenizer-revision {COMMIT}", "vllm serve", "a/b", "unpinned"),
        ("s.sh", f"vllm serve a/b --revision {COMMIT} --revision main", "vllm serve", "a/b", "unpinned"),
        ("s.sh", f"vllm serve a/b && x --revision {COMMIT}", "vllm serve", "a/b", "unpinned"),
        ("Dockerfile", 'CMD ["vllm", "serve", "a/b"]', "vllm serve", "a/b", "unpinned"),
    ],
)  # fmt: skip
def test_a_line_is_judged(file: str, line: str, via: str, target: str, pin: str) -> None:
    (found,) = TextReader().read(file, f"\n{line}\n".encode())
    assert (found.line, found.via, found.target, found.pin.value) == (2, via, target, pin)


def test_words_of_a_command_in_a_yaml_list_belong_together() -> None:
    text = (
        f"command:\n  - vllm\n  - serve\n  - a/b  # ours\n  - '--revision'\n  - {COMMIT}\nscript:\n"
    )
    text += (
        f"  - hf download c/d\n  - hf download e/f --revision {COMMIT}\nargs:\n- --model\n- g/h\n"
    )
    found = {one.target: one for one in TextReader().read("k.yaml", text.encode())}
    assert {name: one.pin.value for name, one in found.items()} == {
        "a/b": "pinned",
        "c/d": "unpinned",
        "e/f": "pinned",
        "g/h": "unpinned",
    }
    assert [one.line for one in found.values()] == [2, 8, 9, 11]


def test_a_model_that_is_no_name_of_a_repository_is_nobodys() -> None:
    text = b"python train.py --model resnet50 --models-dir a/b\nx --data-model a/b\n"
    assert list(TextReader().read("s.sh", text)) == []


@pytest.mark.parametrize(
    ("more", "pin"),
    [
        ("", "unpinned"),
        (', "revision": null', "unpinned"),
        (', "revision": "main"', "unpinned"),
        (f', "revision": "{COMMIT}"', "pinned"),
    ],
)
def test_the_base_of_an_adapter_is_judged_with_its_revision(
    tmp_path: Path, more: str, pin: str
) -> None:
    put(tmp_path / "adapter_config.json", f'{{\n"base_model_name_or_path": "a/b"{more}}}')
    (found,) = take_inventory(tmp_path).references
    assert (found.via, found.line) == ("base_model_name_or_path", 2)
    assert (found.target, found.pin.value) == ("a/b", pin)


@pytest.mark.parametrize(
    "text",
    ['{"revision": "x", "revision": "y", "base_model_name_or_path": "a/b"}', '{"base_model', "[]"],
)
def test_an_adapter_that_can_be_read_two_ways_is_told(tmp_path: Path, text: str) -> None:
    put(tmp_path / "adapter_config.json", text)
    found = take_inventory(tmp_path)
    assert (found.references, [one.path for one in found.unread]) == ((), ["adapter_config.json"])


def test_a_command_over_several_lines_is_one(tmp_path: Path) -> None:
    script = f"hf download \\\n  a/b \\\n  --revision {COMMIT}\nhf download c/d\n"
    found = list(TextReader().read("s.sh", script.encode()))
    assert [(one.line, one.target, one.pin.value) for one in found] == [
        (1, "a/b", "pinned"),
        (4, "c/d", "unpinned"),
    ]


def test_a_revision_of_the_next_command_pins_nothing() -> None:
    line = f"hf download a/b && hf download c/d --revision {COMMIT}"
    found = {one.target: one.pin.value for one in TextReader().read("s.sh", line.encode())}
    assert found == {"a/b": "unpinned", "c/d": "pinned"}


def test_a_comment_names_nothing() -> None:
    assert list(TextReader().read("s.sh", b"# hf download a/b\n")) == []
    assert list(PythonReader().read("x.py", b"# load_dataset('a/b')\n")) == []


def test_a_notebook_is_read_cell_by_cell(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": "load_dataset('no/no')"},
        {"cell_type": "code", "source": ["if True:\n", "    !hf download a/b\n"]},
        {"cell_type": "code", "source": "load_dataset('c/d')"},
        {"cell_type": "code", "source": "%%bash\nthis is (not python"},
    ]
    found = NotebookReader().read("n.ipynb", json.dumps({"cells": cells}).encode())
    assert [one.target for one in found] == ["a/b", "c/d"]


def test_code_is_read_and_never_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    put(tmp_path / "x.py", f"open({str(marker)!r}, 'w')\nload_dataset('a/b')\n")
    put(tmp_path / "old.py", "print 'python 2'\n")
    found = take_inventory(tmp_path)
    assert [one.target for one in found.references] == ["a/b"]
    assert [one.path for one in found.unread] == ["old.py"]
    assert not marker.exists()


def test_a_script_without_a_suffix_is_read(tmp_path: Path) -> None:
    put(tmp_path / "fetch", "#!/bin/sh\nhf download a/b\n")
    put(tmp_path / "train", "#!/usr/bin/env python3\nload_dataset('c/d')\n")
    found = take_inventory(tmp_path)
    assert [one.target for one in found.references] == ["a/b", "c/d"]


def test_deep_nesting_is_a_problem_and_no_crash() -> None:
    with pytest.raises(MalformedError):
        list(PythonReader().read("x.py", b"(" * 100_000))
    with pytest.raises(MalformedError):
        list(PythonReader().read("x.py", b"x = " + b"-" * 100_000 + b"1"))


def test_a_hostile_line_costs_no_time() -> None:
    line = b"git clone " + b"-" * 9_000 + b" https://hugg\n"
    line += b"- " * 4_000 + b"\n" + b"vllm " * 2_000 + b"--model " * 1_000 + b"\n"
    line += b"hf download " + b"--x " * 2_000 + b"\n" + b"curl " + b"a" * 9_000 + b"\n"
    assert [one for one in TextReader().read("s.sh", line * 20) if one.via == "git clone"] == []


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_readers_raise_nothing_but_their_own_error(data: bytes) -> None:
    for reader in (AdapterReader(), PythonReader(), TextReader(), NotebookReader()):
        try:
            list(reader.read("Modelfile", data))
        except WeightmarkError:
            continue
