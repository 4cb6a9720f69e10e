"""No secret of a command line or its settings gets into what is signed."""

import pytest

from weightmark.attestations.recording.masking import MASK, masked_settings, masked_words

SECRET = "s3cr3tvalue0123456789"  # noqa: S105 - made up
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "words",
    [
        ("curl", "-H", f"Authorization: Bearer {SECRET}"),
        ("curl", "-H", f"authorization: Basic {SECRET}"),
        ("run", f'{{"api_key": "{SECRET}", "lr": 1}}'),
        ("run", f"{{'access-token': '{SECRET}'}}"),
        ("run", "--token", f"-{SECRET}"),
        ("run", f"--password:{SECRET}"),
        ("run", f"--password={SECRET}"),
        ("run", JWT),
        ("get", f"https://store.example/m?X-Amz-Signature={SECRET}&x=1"),
        ("get", f"https://store.example/m?se=1&sig={SECRET}"),
        ("get", f"https://me:{SECRET}@store.example/m"),
    ],
)
def test_what_looks_like_a_secret_is_masked(words: tuple[str, ...]) -> None:
    said = " ".join(masked_words(words, {}))
    assert SECRET not in said
    assert JWT not in said
    assert MASK in said


@pytest.mark.parametrize("value", [f"Bearer {SECRET}", JWT, f'{{"secret": "{SECRET}"}}'])
def test_settings_are_masked_by_their_values_as_well(value: str) -> None:
    assert SECRET not in (said := masked_settings({"header": value}, {})["header"])
    assert JWT not in said


@pytest.mark.parametrize(
    "word",
    [
        "--max-tokens=128",
        "--tokenizer=bert",
        "--author=me",
        "lr: 2e-5",
        "https://host.example/a?x=1",
        "basic training",
    ],
)
def test_what_is_no_secret_stays(word: str) -> None:
    assert masked_words([word], {}) == [word]


def test_a_flag_after_a_secret_flag_is_no_value() -> None:
    assert masked_words(["--token", "--verbose", "yes"], {}) == ["--token", "--verbose", "yes"]
