"""Facts about the place of a step: by allowlist, and secrets are masked."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.attestations.recording.facts import (
    MASK,
    default_builder,
    environment_facts,
    masked_words,
    source_facts,
)

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


def test_harmless_words_stay() -> None:
    words = ["python", "train.py", "--lr", "2e-5", "--tokenizer-path=x/y", "-v"]
    assert masked_words(words, {})[:4] == words[:4]


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


def test_a_folder_outside_of_git_has_no_source(tmp_path: Path) -> None:
    assert source_facts(tmp_path) == ({}, ())
