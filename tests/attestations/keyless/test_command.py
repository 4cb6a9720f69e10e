"""`weightmark sign` without a key: flags, variables, CI jobs; and what is never loaded or shown."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attestations.forge import make_tree
from tests.sim.faults import Fault
from tests.sim.loopback import LoopbackSigstore
from weightmark.cli.options.keyless import KEYLESS_PARAMETERS, load_keyless_signer, names_keyless
from weightmark.errors import CallError, ExpiredError, NetworkError, WeightmarkError

FILES = {"config.json": b"{}", "weights.bin": b"w" * 500}
Call = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "m", FILES)


@pytest.fixture
def config(sim: LoopbackSigstore, tmp_path: Path) -> Path:
    return sim.write(tmp_path)["trust_config"]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    def run(
        *words: object, cwd: Path | None = None, **more: str
    ) -> "subprocess.CompletedProcess[str]":
        base = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"}
        return subprocess.run(
            [sys.executable, "-m", "weightmark", *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            cwd=cwd,
            env={**base, "PYTHONPATH": str(Path(__file__).parents[3]), **more},
        )

    return run


def verify_as(
    call: Call, tree: Path, config: Path, sim: LoopbackSigstore, person: str = ""
) -> "subprocess.CompletedProcess[str]":
    return call(
        *("verify", tree, "--trust-config", config, "--identity", person or sim.oidc.person),
        *("--issuer", sim.oidc.url, "--format", "json"),
    )


def test_a_token_in_a_file_signs_and_the_identity_verifies(
    sim: LoopbackSigstore, tree: Path, config: Path, call: Call, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(sim.oidc.token() + "\n")
    done = call("sign", tree, "--identity-token-file", token, "--trust-config", config)
    assert done.returncode == 0, done.stderr
    assert f"sigstore:{sim.oidc.person}@{sim.oidc.url}" in done.stdout
    sim.server.stop()
    verified = verify_as(call, tree, config, sim)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert sim.oidc.person in verified.stdout
    assert verify_as(call, tree, config, sim, "mallory@example.com").returncode == 1


@pytest.mark.parametrize("provider", ["github", "gitlab"])
def test_a_ci_job_signs_without_any_flag_about_who_it_is(
    sim: LoopbackSigstore, tree: Path, config: Path, call: Call, provider: str
) -> None:
    environment = {
        "github": sim.github_environment(),
        "gitlab": sim.gitlab_environment(),
    }[provider]
    done = call("sign", tree, "--trust-config", config, **environment)
    assert done.returncode == 0, done.stderr
    assert f"sigstore:https://{provider}.com/acme/models/" in done.stdout


def test_a_workflow_is_trusted_by_its_repository(
    sim: LoopbackSigstore, tree: Path, config: Path, call: Call
) -> None:
    done = call("sign", tree, "--trust-config", config, **sim.github_environment())
    assert done.returncode == 0, done.stderr
    for flags, code in (
        (("--repo", "acme/models"), 0),
        (("--owner", "acme"), 0),
        (("--repo", "acme/model"), 1),
        (("--repo", "acme/models2"), 1),
        (("--owner", "acm"), 1),
    ):
        verified = call("verify", tree, "--trust-config", config, *flags)
        assert verified.returncode == code, (flags, verified.stdout + verified.stderr)


def test_a_pull_request_cannot_redirect_the_token(
    sim: LoopbackSigstore, tree: Path, config: Path, call: Call, tmp_path: Path
) -> None:
    """Whoever gets the token of a job can sign as this job, so no file of the checkout names where it goes."""
    settings = tmp_path / "weightmark.toml"
    settings.write_text(f"[sign]\ntrust-config = {json.dumps(str(config))}\n")
    environment = {**sim.github_environment(), "CI": "true"}
    done = call("sign", tree, "--offline", "--staging", cwd=tmp_path, **environment)
    assert done.returncode == 4, "no contradiction: the file is not heard"
    assert "weightmark.toml" in done.stderr
    assert "trust-config" in done.stderr
    assert not sim.server.seen


@pytest.mark.parametrize("version", ["1", "2"])
def test_the_log_can_be_chosen(
    sim: LoopbackSigstore, tree: Path, config: Path, call: Call, version: str
) -> None:
    environment = {**sim.github_environment(), "WEIGHTMARK_REKOR_VERSION": version}
    done = call("sign", tree, "--trust-config", config, **environment)
    assert done.returncode == 0, done.stderr
    paths = {request.path for request in sim.server.requests("rekor")}
    assert paths == {f"/api/v{version}/log/entries"}


def test_a_tuf_repository_can_say_where(
    sim: LoopbackSigstore, tree: Path, config: Path, call: Call, tmp_path: Path
) -> None:
    done = call(
        *("sign", tree, "--tuf-url", sim.tuf_url, "--tuf-root", tmp_path / "tuf_root.json"),
        **sim.github_environment(),
    )
    assert done.returncode == 0, done.stderr
    assert verify_as(call, tree, config, sim, "x@example.com").returncode == 1


@pytest.mark.parametrize("service", ["github", "fulcio", "rekor", "tsa"])
def test_a_service_that_is_down_is_exit_4_and_leaves_nothing(
    sim: LoopbackSigstore, tree: Path, config: Path, call: Call, service: str
) -> None:
    sim.faults[service] = Fault.error(400, f"closed {sim.oidc.ci_bearer} {sim.oidc.token()}")
    done = call("sign", tree, "--trust-config", config, **sim.github_environment())
    assert done.returncode == 4, done.stderr
    assert f"at `{sim.url}" in done.stderr
    assert "closed" in done.stderr
    assert "eyJ" not in done.stdout + done.stderr
    assert (sim.oidc.ci_bearer in done.stderr) == (service != "github")
    assert sorted(path.name for path in tree.iterdir()) == sorted(FILES)


def test_offline_is_exit_4_and_asks_nobody(
    sim: LoopbackSigstore, tree: Path, config: Path, call: Call
) -> None:
    done = call("sign", tree, "--offline", "--trust-config", config, **sim.github_environment())
    assert done.returncode == 4
    assert not sim.server.seen


@pytest.mark.parametrize(
    ("text", "code"),
    [("", 2), ("nonsense", 2), ("a.b.c", 2), ("aud", 2), ("expired", 4), (None, 2)],
)
def test_a_token_that_is_no_good_says_so_and_is_not_shown(
    sim: LoopbackSigstore,
    call: Call,
    tmp_path: Path,
    text: str | None,
    code: int,
) -> None:
    tree, config = make_tree(tmp_path / "m", FILES), sim.write(tmp_path)["trust_config"]
    token = tmp_path / "token"
    made = {"aud": sim.oidc.token(aud="x"), "expired": sim.oidc.token(exp=1000)}
    if text is not None:
        token.write_text(made.get(text, text))
    done = call("sign", tree, "--identity-token-file", token, "--trust-config", config)
    assert done.returncode == code, done.stderr
    assert "token" in done.stderr
    assert "eyJ" not in done.stderr.replace("`eyJ….eyJ….…`", "")
    assert not sim.server.seen


def given(**options: object) -> dict[str, object]:
    return {**dict.fromkeys(KEYLESS_PARAMETERS), **options}


@pytest.mark.parametrize(
    "options",
    [
        {"identity_token": "x", "oob": True},
        {"identity_token": "x", "identity_token_file": "y"},
        {"oidc_provider": "github", "oob": True},
        {"staging": True, "trust_config": "x"},
        {"tuf_url": "https://tuf.example", "staging": True},
        {"tuf_root": "root.json"},
    ],
    ids="+".join,
)
def test_options_that_contradict_each_other_are_a_wrong_call(options: dict[str, object]) -> None:
    with pytest.raises(CallError):
        load_keyless_signer(given(**options))


def test_only_options_about_who_and_where_name_a_keyless_signer() -> None:
    assert not names_keyless(given(client_id="x", rekor_version="1"))
    assert names_keyless(given(keyless=True))
    assert names_keyless(given(trust_config="x"))


def test_the_network_is_not_touched_before_something_is_signed(
    sim: LoopbackSigstore, config: Path
) -> None:
    signer = load_keyless_signer(
        given(trust_config=str(config), identity_token=sim.oidc.token(exp=1000))
    )
    assert not sim.server.seen
    with pytest.raises(ExpiredError):
        signer.sign_statement(b"{}")
    assert not sim.server.seen


def test_offline_forbids_it_at_once(config: Path) -> None:
    with pytest.raises(NetworkError, match="--offline"):
        load_keyless_signer(given(trust_config=str(config)), offline=True)


LOADED = """
import json, sys
from weightmark.__main__ import main
code = main(sys.argv[1:])
heavy = {"sigstore", "sigstore_models", "pydantic", "requests", "tuf", "rekor_types", "jwt"}
sys.stderr.write("\\n" + json.dumps([code, sorted(heavy & set(sys.modules))]))
"""


def loaded(*words: object, home: Path) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *map(str, words)],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
        cwd=Path(__file__).parents[3],
    )
    code, heavy = json.loads(done.stderr.splitlines()[-1])
    return code, heavy


def test_key_paths_never_load_sigstore(tree: Path, tmp_path: Path) -> None:
    key = tmp_path / "k.key"
    for words in (
        ("key", "generate", "-o", key),
        ("sign", tree, "--key", key),
        ("verify", tree, "--key", key.with_suffix(".pub")),
        ("inspect", tree / "model.sig"),
    ):
        assert loaded(*words, home=tmp_path) == (0, []), words


def test_verifying_an_identity_never_loads_sigstore_python(
    sim: LoopbackSigstore, tree: Path, config: Path, call: Call, tmp_path: Path
) -> None:
    call("sign", tree, "--trust-config", config, **sim.github_environment())
    code, heavy = loaded(
        *("verify", tree, "--trust-config", config, "--identity", "nobody@example.com"),
        *("--issuer", sim.oidc.url),
        home=tmp_path,
    )
    assert (code, heavy) == (1, [])


def test_no_flag_takes_the_network_when_a_file_is_wrong(
    sim: LoopbackSigstore, tree: Path, call: Call, tmp_path: Path
) -> None:
    wrong = tmp_path / "config.json"
    wrong.write_text("{}")
    done = call("sign", tree, "--trust-config", wrong, **sim.github_environment())
    assert done.returncode == 4
    assert "config.json" in done.stderr
    assert not sim.server.seen


def test_errors_are_ours(config: Path) -> None:
    for options in (
        {"trust_config": "/nowhere/config.json"},
        {"trust_config": str(config), "identity_token_file": "/nowhere/token"},
        {"trust_config": str(config), "client_secret_file": "/nowhere/secret"},
        {"tuf_url": "https://tuf.example"},
    ):
        with pytest.raises(WeightmarkError):
            load_keyless_signer(given(**options))
