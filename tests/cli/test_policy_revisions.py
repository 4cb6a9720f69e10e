"""Signed policies over time: an older one that its owner signed as well is noticed, with and without a memory."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import weightmark
from tests.attestations.gate_makers import safetensors
from tests.cli.running import Ran, RunCli
from weightmark.errors import CallError, NoSignatureError, TamperedError

Gate = Callable[..., Ran]
POLICY = """version = 1
name = "acme production"
revision = {revision}
expires = 2100-01-01
{top}
[roles.release]
keys = ['''{key}''']
[require.release]
"""


@pytest.fixture
def place(quiet_environment: Path, run_cli: RunCli) -> Path:
    """A signed model, and three revisions of a policy by one owner: `r1`, `r2`, `r3`."""
    (quiet_environment / "model").mkdir()
    (quiet_environment / "model" / "w.safetensors").write_bytes(safetensors())
    for name in ("release", "owner", "other"):
        assert run_cli("key", "generate", "-o", f"{name}.key").code == 0
    assert run_cli("sign", "model", "--key", "release.key").code == 0
    for revision in (1, 2, 3):
        sign(quiet_environment, run_cli, revision)
    return quiet_environment


def sign(place: Path, run_cli: RunCli, revision: int, *, folder: str = "", top: str = "") -> str:
    """Sign a policy of this revision by its owner, in a folder of its own."""
    home = place / (folder or f"r{revision}")
    home.mkdir()
    key = (place / "release.pub").read_text()
    (home / "p.toml").write_text(POLICY.format(revision=revision, key=key, top=top))
    done = run_cli("policy", "sign", str(home / "p.toml"), "--key", "owner.key")
    assert done.code == 0, done.stderr
    return str(home / "p.toml")


@pytest.fixture
def gate(place: Path, run_cli: RunCli) -> Gate:
    """Gate the model by a revision that the owner signed."""

    def call(folder: str, *more: str, env: dict[str, str] | None = None) -> Ran:
        words = ("gate", "model", "--policy", f"{folder}/p.toml", "--policy-key", "owner.pub")
        return run_cli(*words, *more, env=env)

    return call


def test_an_older_policy_that_its_owner_signed_is_refused_once_a_newer_one_was_seen(
    gate: Gate, run_cli: RunCli
) -> None:
    assert gate("r1").code == 0
    assert gate("r2").code == 0
    back = gate("r1")
    assert back.code == 1
    assert "rolled back: it is revision 1, and revision 2 was seen" in back.stderr
    assert gate("r2").code == 0
    assert gate("r3").code == 0
    assert run_cli("policy", "check", "r2/p.toml", "--key", "owner.pub").code == 1


def test_another_file_name_or_folder_does_not_hide_a_rollback(gate: Gate, place: Path) -> None:
    assert gate("r2").code == 0
    (place / "elsewhere").mkdir()
    for suffix in ("", ".sig"):
        (place / "elsewhere" / f"new.toml{suffix}").write_bytes(
            (place / "r1" / f"p.toml{suffix}").read_bytes()
        )
    (place / "elsewhere" / "p.toml").symlink_to("new.toml")
    (place / "elsewhere" / "p.toml.sig").symlink_to("new.toml.sig")
    assert gate("elsewhere").code != 0


def test_a_policy_without_a_name_is_not_another_one_by_its_path(
    place: Path, run_cli: RunCli
) -> None:
    for revision, folder in ((1, "old"), (2, "new")):
        path = sign(place, run_cli, revision, folder=folder)
        nameless = Path(path).read_text().replace('name = "acme production"\n', "")
        Path(path).write_text(nameless)
        Path(f"{path}.sig").unlink()
        assert run_cli("policy", "sign", f"./{folder}/p.toml", "--key", "owner.key").code == 0
    words = ("gate", "model", "--policy-key", "owner.pub", "--policy")
    assert run_cli(*words, "new/p.toml").code == 0
    back = run_cli(*words, "old/p.toml")
    assert back.code == 1
    assert "give each a `name`" in back.stderr


def test_two_texts_of_one_revision_are_told_apart(gate: Gate, place: Path, run_cli: RunCli) -> None:
    assert gate("r2").code == 0
    sign(place, run_cli, 2, folder="twin", top="mode = 'warn'")
    twin = gate("twin")
    assert twin.code == 1
    assert "two policies are revision 2" in twin.stderr


def test_a_policy_of_another_owner_or_another_name_has_a_history_of_its_own(
    gate: Gate, place: Path, run_cli: RunCli
) -> None:
    assert gate("r3").code == 0
    text = (place / "r1" / "p.toml").read_text()
    (place / "mine").mkdir()
    (place / "mine" / "p.toml").write_text(text.replace("acme production", "acme staging"))
    assert run_cli("policy", "sign", "mine/p.toml", "--key", "owner.key").code == 0
    assert gate("mine").code == 0
    assert run_cli("policy", "sign", "r1/p.toml", "--key", "other.key").code == 0
    by_other = ("gate", "model", "--policy", "r1/p.toml", "--policy-key", "other.pub")
    assert run_cli(*by_other).code == 0


def test_without_a_memory_the_call_says_the_name_and_the_least_revision(
    gate: Gate, place: Path
) -> None:
    pins = ("--policy-name", "acme production", "--policy-min-revision", "2")
    assert gate("r2", *pins).code == 0
    assert gate("r3", *pins).code == 0
    old = gate("r1", *pins)
    assert old.code == 1
    assert "revision 1, and 2 is the least that counts" in old.stderr
    assert not (place / ".local" / "state" / "weightmark" / "policies").exists()


@pytest.mark.parametrize("name", ["acme development", ""])
def test_another_policy_of_the_same_owner_is_refused_where_one_was_seen(
    gate: Gate, place: Path, run_cli: RunCli, name: str
) -> None:
    assert gate("r2").code == 0
    line = f'name = "{name}"' if name else ""
    other = (place / "r2" / "p.toml").read_text().replace('name = "acme production"', line)
    (place / "r2" / "p.toml").write_text(other.replace("revision = 2", "revision = 9"))
    (place / "r2" / "p.toml.sig").unlink()
    assert run_cli("policy", "sign", "./r2/p.toml", "--key", "owner.key").code == 0
    swapped = gate("r2")
    assert swapped.code == 1
    assert "`acme production` was seen there" in swapped.stderr
    assert run_cli("policy", "check", "r2/p.toml", "--key", "owner.pub").code == 1
    assert gate("r2", "--policy-name", "acme production").code == 1
    stateless = ("--policy-name", "acme production", "--policy-min-revision", "1")
    assert gate("r2", *stateless).code == 1
    if name:
        assert f"--policy-name {name}" in swapped.stderr
        assert gate("r2", "--policy-name", name).code == 0
        assert gate("r2").code == 0


def test_an_older_revision_under_an_earlier_name_is_refused(
    gate: Gate, place: Path, run_cli: RunCli
) -> None:
    path = place / "r1" / "p.toml"
    path.write_text(path.read_text().replace("acme production", "acme"))
    assert run_cli("policy", "sign", "r1/p.toml", "--key", "other.key").code == 0
    (place / "r1" / "p.toml.sig").unlink()
    assert run_cli("policy", "sign", "r1/p.toml", "--key", "owner.key").code == 0
    assert gate("r3").code == 0
    for suffix in ("", ".sig"):
        (place / "r3" / f"p.toml{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
    assert gate("r3").code == 1


@pytest.mark.parametrize("command", ["exec", "chain"])
def test_every_command_that_judges_by_a_policy_takes_its_pins(
    place: Path, run_cli: RunCli, command: str
) -> None:
    words = (command, "model", "--policy", "r2/p.toml")
    end = ("--", "true") if command == "exec" else ()
    owner = {"WEIGHTMARK_POLICY_KEY": "owner.pub"}
    assert run_cli(*words, *end, env=owner).code == 0
    (place / "r2" / "p.toml.sig").unlink()
    assert run_cli(*words, *end, env=owner).code == 3
    assert run_cli(*words, "--policy-key", "owner.pub", *end).code == 3
    assert run_cli(*words, "--policy-digest", "sha256:" + "0" * 64, *end).code == 1


def test_the_library_takes_the_pins_as_well(place: Path) -> None:
    policy, owner = str(place / "r2" / "p.toml"), str(place / "owner.pub")
    model = str(place / "model")
    assert weightmark.gate(model, policy, policy_key=owner).allows
    weightmark.open_verified(model, policy=policy, policy_key=owner, framework="bytes")
    with pytest.raises(TamperedError):
        weightmark.gate(model, policy, policy_digest="sha256:" + "0" * 64)
    (place / "r2" / "p.toml.sig").unlink()
    with pytest.raises(NoSignatureError):
        weightmark.gate(model, policy, policy_key=owner)
    with pytest.raises(NoSignatureError):
        weightmark.open_verified(model, policy=policy, policy_key=owner)
    with pytest.raises(CallError):
        weightmark.open_verified(model, key=str(place / "release.pub"), policy_key=owner)


def test_a_pin_of_no_policy_is_a_wrong_call(place: Path, run_cli: RunCli) -> None:
    assert run_cli("chain", "model", "--key", "release.pub", "--policy-key", "owner.pub").code == 2


def test_a_chain_is_not_judged_good_by_a_policy_that_has_ended(
    place: Path, run_cli: RunCli
) -> None:
    text = (place / "r1" / "p.toml").read_text().replace("2100-01-01", "2020-01-01")
    for name, more in (("plain", ""), ("along", "[chain]\n")):
        (place / f"{name}.toml").write_text(text + more)
        ran = run_cli("chain", "model", "--policy", f"./{name}.toml")
        assert ran.code in {1, 4}
        assert "the policy expired" in ran.stdout


def test_a_pinned_text_is_that_text_and_no_other(gate: Gate, place: Path, run_cli: RunCli) -> None:
    told = run_cli("policy", "check", "r2/p.toml", "-f", "json")
    digest = json.loads(told.stdout)["digest"]
    plain = ("gate", "model", "--policy-digest", digest, "--policy")
    assert run_cli(*plain, "r2/p.toml").code == 0
    other = run_cli(*plain, "r1/p.toml")
    assert other.code == 1
    assert "not the one that was pinned" in other.stderr
    assert gate("r2", "--policy-digest", digest).code == 0
    # a preset changes with weightmark: it can be pinned as well
    assert run_cli(*plain, "baseline", "--key", "release.pub").code == 1


def test_a_pinned_text_whose_key_file_could_be_swapped_is_a_wrong_call(
    place: Path, run_cli: RunCli
) -> None:
    (place / "named.toml").write_text(
        "version = 1\n[roles.release]\nkeys = ['release.pub']\n[require.release]\n"
    )
    digest = json.loads(run_cli("policy", "check", "./named.toml", "-f", "json").stdout)["digest"]
    ran = run_cli("gate", "model", "--policy", "./named.toml", "--policy-digest", digest)
    assert ran.code == 2
    assert "release.pub" in ran.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--policy", "r2/p.toml", "--policy-min-revision", "1"),
        ("--policy", "r2/p.toml", "--policy-digest", "sha256:00"),
        ("--policy", "r2/p.toml", "--policy-key", "owner.pub", "--policy-min-revision", "0"),
        ("--policy", "r2/p.toml", "--policy-key", "owner.pub", "--policy-min-revision", "1"),
        ("--policy", "r2/p.toml", "--policy-name", "acme production"),
    ],
)
def test_a_pin_that_pins_nothing_is_a_wrong_call(
    place: Path, run_cli: RunCli, words: tuple[str, ...]
) -> None:
    assert run_cli("gate", "model", *words).code == 2


def test_a_memory_that_is_damaged_or_cannot_be_kept_allows_nothing(gate: Gate, place: Path) -> None:
    assert gate("r2").code == 0
    for kept in (place / ".local" / "state" / "weightmark" / "policies").glob("*.json"):
        kept.write_text("{}")
    assert gate("r1").code == 1
    stateless = ("--policy-name", "acme production", "--policy-min-revision", "1")
    assert gate("r1", *stateless).code == 0
    (place / "file").write_text("")
    nowhere = gate("r2", env={"XDG_STATE_HOME": str(place / "file")})
    assert nowhere.code == 4
    assert "--policy-min-revision" in nowhere.stderr


def test_the_same_revision_is_not_signed_twice_over_different_texts(
    place: Path, run_cli: RunCli
) -> None:
    (place / "r2" / "p.toml").write_text((place / "r1" / "p.toml").read_text())
    back = run_cli("policy", "sign", "r2/p.toml", "--key", "owner.key")
    assert back.code == 2
    assert "set `revision = 3`" in back.stderr
    # the owner of a copy begins a history of his own
    assert run_cli("policy", "sign", "r2/p.toml", "--key", "other.key").code == 0
