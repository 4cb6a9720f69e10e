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
        ("bash", "-c", f"python train.py --password {SECRET} --lr 1"),
        ("bash", "-c", f"python train.py --password '{SECRET} x' --lr 1"),
        ("bash", "-c", f'python train.py --password \\"a b {SECRET}\\" --lr 1'),
        ("bash", "-c", f"curl -u me:{SECRET} https://host.example/x"),
        ("bash", "-c", f"mysql -h db -p{SECRET} < dump"),
        ("bash", "-c", f"sshpass -p {SECRET} ssh host"),
        ("train", f"--db-pass={SECRET}"),
        ("train", "--db-pass", SECRET),
        ("train", "--dbpass", SECRET),
        ("mysql", "-h", "db", f"-p{SECRET}"),
        ("mysql", f"-p{SECRET.rstrip('0123456789')}"),
        ("train", "-pS3cret!" + SECRET),
        ("sshpass", "-p", SECRET, "ssh", "host"),
        ("docker", "login", "-u", "me", "-p", SECRET),
        ("curl", "-u", f"me:{SECRET}", "https://host.example"),
        ("curl", f"-ume:{SECRET}", "https://host.example"),
        ("curl", f"--user=me:{SECRET}", "https://host.example"),
        ("train", "--pwd", SECRET),
        ("train", "--pat", SECRET),
        ("train", "--wandb-key", SECRET),
        ("train", f"--wandb_key={SECRET}"),
        ("train", f"https://hooks.slack.com/services/T0/B0/{SECRET}"),
        ("train", f"--notify=https://discord.com/api/webhooks/1/{SECRET}"),
        ("train", f"https://api.telegram.org/bot1:{SECRET}/send"),
        ("train", f"https://x.webhook.office.com/webhookb2/{SECRET}"),
        ("train", f"Server=db;Uid=me;Pwd={SECRET}"),
    ],
)
def test_what_looks_like_a_secret_is_masked(words: tuple[str, ...]) -> None:
    said = " ".join(masked_words(words, {}))
    assert SECRET not in said
    assert SECRET.rstrip("0123456789") not in said
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
        "--passes=3",
        "--path=a/b",
        "--compass=north",
        "--pattern=*.bin",
        "-p8080:80",
        "-pthread",
        "--public-key=release.pub",
        "docker run -u 1000:1000 image",
        "mkdir -p out/model",
        "https://host.example/services/x",
    ],
)
def test_what_is_no_secret_stays(word: str) -> None:
    assert masked_words([word], {}) == [word]


def test_a_flag_after_a_secret_flag_is_no_value() -> None:
    assert masked_words(["--token", "--verbose", "yes"], {}) == ["--token", "--verbose", "yes"]


@pytest.mark.parametrize("name", ["db_pass", "pwd", "pat", "wandb_key", "DB_PWD"])
def test_a_setting_with_the_name_of_a_secret_is_masked(name: str) -> None:
    assert masked_settings({name: SECRET}, {}) == {name: MASK}


def test_a_connection_string_in_a_setting_is_masked() -> None:
    said = masked_settings({"conn": f"Server=db;Pwd={SECRET};Uid=me"}, {})
    assert said == {"conn": f"Server=db;Pwd={MASK}"}


def test_the_working_folder_is_no_secret() -> None:
    folder = "/home/me/models"
    assert masked_words([f"{folder}/train.py"], {"PWD": folder, "OLDPWD": folder}) == [
        f"{folder}/train.py"
    ]


def test_a_user_and_group_of_a_container_stay() -> None:
    words = ["docker", "run", "-u", "1000:1000", "image"]
    assert masked_words(words, {}) == words


def test_a_long_word_is_masked_in_linear_time() -> None:
    assert masked_words(["a" * 200_000], {}) == ["a" * 1000]
