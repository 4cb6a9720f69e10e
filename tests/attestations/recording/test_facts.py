"""Facts about the place of a step: by allowlist, and secrets are masked."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.attestations.recording.facts import (
    default_builder,
    environment_facts,
    source_facts,
)
from weightmark.attestations.recording.masking import MASK, masked_settings, masked_words

SECRET = "s3cret-value-of-somebody"  # noqa: S105 - made up


@pytest.mark.parametrize(
    "words",
    [
        ["x", "--token", SECRET],
        ["x", "--hub-token=" + SECRET],
        ["x", "--api_key", SECRET],
        ["x", "WANDB_API_KEY=" + SECRET],
        ["x", f"https://me:{SECRET}@example.org/x"],
        ["x", f"postgresql://{SECRET}@host/db"],
        ["x", "-password", SECRET],
        ["x", f"prefix{SECRET}suffix"],
    ],
)
def test_what_looks_like_a_secret_is_masked(words: list[str]) -> None:
    masked = masked_words(words, {"MY_SECRET": SECRET})
    assert SECRET not in " ".join(masked)
    assert MASK in " ".join(masked)


@pytest.mark.parametrize(
    "word",
    [
        "hf_" + "a" * 34,
        "ghp_" + "a" * 36,
        "github_pat_" + "a" * 40,
        "glpat-" + "a" * 20,
        "AKIA" + "A" * 16,
    ],
)
def test_a_token_of_a_common_service_is_masked_wherever_it_stands(word: str) -> None:
    assert masked_words(["-c", f"login('{word}')"], {}) == ["-c", f"login('{MASK}')"]
    assert masked_settings({"note": f"with {word}."}, {}) == {"note": f"with {MASK}."}


def test_harmless_words_stay() -> None:
    words = ["python", "train.py", "--lr", "2e-5", "--tokenizer-path=x/y", "-v"]
    words += ["--max_new_tokens=128", "--author", "me", "task-sk-1"]
    assert masked_words(words, {"TOKENIZERS_PARALLELISM": "2e-5,x"}) == words


def test_settings_with_the_name_or_the_value_of_a_secret_are_masked() -> None:
    said = {"lr": "2e-5", "hub_token": "abc", "url": f"https://me:{SECRET}@host", "note": SECRET}
    masked = masked_settings(said, {"MY_SECRET": SECRET})
    assert masked == {"hub_token": MASK, "lr": "2e-5", "note": MASK, "url": f"https://{MASK}@host"}
    assert list(masked) == sorted(said)


def test_of_two_secrets_the_longer_one_is_masked_whole() -> None:
    short = SECRET[:8]
    assert masked_words([SECRET], {"A_TOKEN": short, "B_TOKEN": SECRET}) == [MASK]


@given(st.lists(st.text()))
def test_any_words_are_masked_without_a_crash(words: list[str]) -> None:
    assert len(masked_words(words, {})) == len(words)


def test_only_listed_variables_are_taken() -> None:
    facts = environment_facts({"CUDA_VISIBLE_DEVICES": "0", "HF_TOKEN": SECRET, "OTHER": "x"})
    assert facts["variables"] == {"CUDA_VISIBLE_DEVICES": "0"}
    assert SECRET not in str(facts)


def test_the_builder_is_the_workflow_of_the_ci() -> None:
    environment = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_WORKFLOW_REF": "acme/ml/.github/workflows/train.yml@refs/tags/v1",
    }
    expected = "https://github.com/acme/ml/.github/workflows/train.yml@refs/tags/v1"
    assert default_builder(environment) == expected
    assert default_builder({}) == "https://weightmark/builders/local/v1"


def test_only_a_known_word_says_in_which_container_it_ran() -> None:
    assert environment_facts({"container": "podman"})["container"] == "podman"
    assert environment_facts({"container": SECRET}).get("container") != SECRET


def test_scripts_that_the_commit_does_not_hold_are_counted(tmp_path: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    (tmp_path / "train.py").write_text("1")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)
    (tmp_path / "other.py").write_text("2")
    facts, (source,) = source_facts(tmp_path)
    assert (facts["dirty"], facts["untracked"]) == ("no", "1")
    assert source.digest == {"gitCommit": facts["commit"]}
    (tmp_path / "train.py").write_text("3")
    assert source_facts(tmp_path)[0]["dirty"] == "yes"


def test_changes_that_git_cannot_tell_are_unknown_and_not_absent(tmp_path: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["commit", "-qm", "x", "--allow-empty"]):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)
    (tmp_path / ".git" / "index").write_bytes(b"no index")
    facts, _ = source_facts(tmp_path)
    assert facts["commit"]
    assert facts["dirty"] == "unknown"
    assert "untracked" not in facts


def test_no_password_of_the_repository_is_recorded(tmp_path: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    origin = f"https://me:{SECRET}@example.org/repo.git"
    for words in (["init", "-q"], ["commit", "-qm", "x", "--allow-empty"]):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)
    subprocess.run([*git, "remote", "add", "origin", origin], cwd=tmp_path, check=True)
    facts, (source,) = source_facts(tmp_path)
    assert facts["repository"] == "https://example.org/repo.git"
    assert SECRET not in f"{facts}{source}"


def test_a_folder_outside_of_git_has_no_source(tmp_path: Path) -> None:
    assert source_facts(tmp_path) == ({}, ())
