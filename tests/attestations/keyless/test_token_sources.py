"""Where tokens come from: the order, each CI system by its own means, and logins."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import click
import pytest

from tests.sim.faults import Fault, FaultKind
from tests.sim.loopback import LoopbackSigstore
from tests.sim.oidc import GITHUB_ISSUER, GITLAB_ISSUER, github_claims, gitlab_claims
from weightmark.attestations.signers.keyless import (
    IdentityToken,
    Patience,
    SigstoreInstance,
    TokenRequest,
)
from weightmark.attestations.signers.keyless.ambient import PROVIDERS, ambient_provider
from weightmark.cli.options.keyless import keyless_options
from weightmark.errors import (
    CallError,
    NetworkError,
    UncheckedError,
    UnsupportedError,
    WeightmarkError,
)

QUICK = Patience(connect=1, answer=1, pause=0.01)


@pytest.fixture
def instance(sim: LoopbackSigstore, tmp_path: Path) -> SigstoreInstance:
    return SigstoreInstance.from_trust_config(sim.write(tmp_path)["trust_config"])


def obtain(
    request: TokenRequest, instance: SigstoreInstance, environment: dict[str, str]
) -> IdentityToken:
    return request.obtain(
        instance, environment={"PATH": os.environ["PATH"], **environment}, patience=QUICK
    )


def test_the_callers_token_comes_before_all_others(
    sim: LoopbackSigstore, instance: SigstoreInstance
) -> None:
    everywhere = {**sim.github_environment(), **sim.gitlab_environment()}
    mine = sim.oidc.token(sub="me")
    assert obtain(TokenRequest(token=mine), instance, everywhere).subject == "me"


def test_a_variable_comes_before_the_ci_system(
    sim: LoopbackSigstore, instance: SigstoreInstance
) -> None:
    environment = {**sim.github_environment(), "SIGSTORE_IDENTITY_TOKEN": sim.oidc.token(sub="me")}
    assert obtain(TokenRequest(), instance, environment).subject == "me"


def test_github_actions_hands_out_a_token(
    sim: LoopbackSigstore, instance: SigstoreInstance
) -> None:
    token = obtain(TokenRequest(), instance, sim.github_environment())
    assert (token.issuer, token.subject) == (GITHUB_ISSUER, github_claims()["sub"])
    (asked,) = sim.server.requests("github")
    assert asked.query == {"api-version": "2.0", "audience": "sigstore"}


def test_github_actions_is_asked_for_the_clients_own_audience(
    sim: LoopbackSigstore, instance: SigstoreInstance
) -> None:
    token = obtain(TokenRequest(client_id="acme"), instance, sim.github_environment())
    assert token.audience == "acme"


def test_gitlab_puts_the_token_into_a_variable(
    sim: LoopbackSigstore, instance: SigstoreInstance
) -> None:
    token = obtain(TokenRequest(), instance, sim.gitlab_environment())
    assert (token.issuer, token.subject) == (GITLAB_ISSUER, gitlab_claims()["sub"])


def test_gitlab_names_the_variable_after_the_audience(
    sim: LoopbackSigstore, instance: SigstoreInstance
) -> None:
    made = sim.oidc.token(gitlab_claims(), aud="https://7.example")
    environment = {"GITLAB_CI": "true", "HTTPS___7_EXAMPLE_ID_TOKEN": made}
    request = TokenRequest(client_id="https://7.example")
    assert obtain(request, instance, environment).audience == "https://7.example"


def test_a_forced_provider_wins_over_a_variable_and_over_another_system(
    sim: LoopbackSigstore, instance: SigstoreInstance
) -> None:
    both = {**sim.github_environment(), **sim.gitlab_environment()}
    assert obtain(TokenRequest(provider="github"), instance, both).issuer == GITHUB_ISSUER
    assert obtain(TokenRequest(provider="gitlab"), instance, both).issuer == GITLAB_ISSUER


def test_a_gitlab_job_on_a_google_machine_is_the_job() -> None:
    assert ambient_provider({"GOOGLE_SERVICE_ACCOUNT_NAME": "vm", "GITLAB_CI": "1"}) == "gitlab"


def test_a_google_machine_is_asked_when_it_is_named(
    sim: LoopbackSigstore, instance: SigstoreInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(
            name, sim.url
        )  # the machine has its metadata server's name from elsewhere
    token = obtain(TokenRequest(provider="gcp"), instance, {})
    assert token.subject == "1234567890"
    (asked,) = sim.server.requests("google")
    assert asked.query == {"audience": "sigstore", "format": "full"}


def test_a_google_machine_never_signs_as_another_account_than_was_meant(
    sim: LoopbackSigstore, instance: SigstoreInstance
) -> None:
    meant = {"GOOGLE_SERVICE_ACCOUNT_NAME": "release@acme.iam.gserviceaccount.com"}
    assert ambient_provider(meant) is None, "a machine is no CI job"
    with pytest.raises(UnsupportedError, match="release@acme"):
        obtain(TokenRequest(provider="gcp"), instance, meant)
    assert not sim.server.seen


def test_a_bare_machine_has_no_identity() -> None:
    assert ambient_provider({"CI": "true", "HOME": "/root"}) is None


@pytest.mark.parametrize("missing", ["URL", "TOKEN"])
def test_a_github_job_without_permission_is_told_which(
    sim: LoopbackSigstore, instance: SigstoreInstance, missing: str
) -> None:
    environment = sim.github_environment()
    del environment[f"ACTIONS_ID_TOKEN_REQUEST_{missing}"]
    with pytest.raises(CallError) as refused:
        obtain(TokenRequest(), instance, environment)
    assert "id-token: write" in refused.value.fix


def test_a_gitlab_job_without_a_token_is_told_how(instance: SigstoreInstance) -> None:
    with pytest.raises(CallError) as refused:
        obtain(TokenRequest(), instance, {"GITLAB_CI": "true"})
    assert "SIGSTORE_ID_TOKEN: {aud: sigstore}" in refused.value.fix


@pytest.mark.parametrize(
    "fault",
    [
        Fault.down(),
        Fault.error(401, "denied"),
        Fault(FaultKind.HTML),
        Fault(FaultKind.TRUNCATED),
        Fault.slow(5),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_token_service_that_fails_is_could_not_be_checked(
    sim: LoopbackSigstore, instance: SigstoreInstance, fault: Fault
) -> None:
    sim.faults["github"] = fault
    with pytest.raises(NetworkError) as refused:
        obtain(TokenRequest(), instance, sim.github_environment())
    assert sim.oidc.ci_bearer not in f"{refused.value.what} {refused.value.why}"


def test_a_token_service_that_repeats_the_request_does_not_publish_its_query(
    sim: LoopbackSigstore, instance: SigstoreInstance
) -> None:
    environment = sim.github_environment()
    environment["ACTIONS_ID_TOKEN_REQUEST_URL"] += "&door=open-sesame-1"
    said = environment["ACTIONS_ID_TOKEN_REQUEST_URL"]
    sim.faults["github"] = Fault.error(401, f"no token for GET {said}")
    with pytest.raises(NetworkError) as refused:
        obtain(TokenRequest(), instance, environment)
    assert "open-sesame-1" not in f"{refused.value.what} {refused.value.why}"


def test_a_token_service_that_gives_something_else_is_refused(
    sim: LoopbackSigstore, instance: SigstoreInstance
) -> None:
    sim.oidc.ci_claims = {**github_claims(), "iss": ""}
    with pytest.raises(WeightmarkError, match="cannot be read"):
        obtain(TokenRequest(), instance, sim.github_environment())


TOOLS = {"buildkite": "buildkite-agent", "circleci": "circleci"}


def put_tool(folder: Path, provider: str, script: str) -> dict[str, str]:
    folder.mkdir()
    path = folder / TOOLS[provider]
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", provider.upper(): "true"}


@pytest.mark.parametrize("provider", TOOLS)
def test_the_tool_of_a_ci_system_hands_out_a_token(
    sim: LoopbackSigstore, instance: SigstoreInstance, tmp_path: Path, provider: str
) -> None:
    script = f'case "$*" in *sigstore*) echo {sim.oidc.token(sub=provider)};; esac'
    found = put_tool(tmp_path / "bin", provider, script)
    assert obtain(TokenRequest(), instance, found).subject == provider


@pytest.mark.parametrize("provider", TOOLS)
def test_a_tool_that_fails_or_hangs_is_could_not_be_checked_and_a_missing_one_a_wrong_call(
    instance: SigstoreInstance, tmp_path: Path, provider: str
) -> None:
    failing = put_tool(tmp_path / "failing", provider, "echo not here >&2; exit 1")
    with pytest.raises(UncheckedError, match="gave no token"):
        obtain(TokenRequest(provider=provider), instance, failing)
    hanging = put_tool(tmp_path / "hanging", provider, "exec sleep 30")
    with pytest.raises(UncheckedError, match="could not be run"):
        obtain(TokenRequest(provider=provider), instance, hanging)
    with pytest.raises(CallError, match="not on PATH"):
        obtain(TokenRequest(), instance, {"PATH": str(tmp_path), provider.upper(): "true"})


def test_without_anybody_to_ask_it_is_a_wrong_call(instance: SigstoreInstance) -> None:
    for environment in ({}, {"CI": "true", "BROWSER": "true"}):
        with pytest.raises(CallError, match="nobody said who signs"):
            obtain(TokenRequest(interactive=not environment), instance, environment)


def test_every_provider_can_be_forced() -> None:
    command = click.command(keyless_options()(lambda **_: None))
    (choice,) = (one.type for one in command.params if one.name == "oidc_provider")
    assert isinstance(choice, click.Choice)
    assert tuple(choice.choices) == PROVIDERS


LOGIN = """
import sys
from weightmark.attestations.signers.keyless import SigstoreInstance, TokenRequest
instance = SigstoreInstance.from_trust_config(sys.argv[1])
request = TokenRequest(out_of_band=sys.argv[2] == "oob", client_secret=sys.argv[3])
print(request.obtain(instance).subject)
"""
BROWSER = """#!{python}
import sys, urllib.request
urllib.request.urlopen(sys.argv[1], timeout=10).read()
"""


def log_in(
    config: Path, how: str, secret: str, environment: dict[str, str]
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", LOGIN, config, how, secret],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("secret", ["", "s3cret"])
def test_a_person_logs_in_with_the_browser(
    sim: LoopbackSigstore, tmp_path: Path, secret: str
) -> None:
    sim.oidc.client_secret = secret
    browser = tmp_path / "browser"
    browser.write_text(BROWSER.format(python=sys.executable))
    browser.chmod(0o755)
    config = sim.write(tmp_path)["trust_config"]
    with log_in(config, "browser", secret, {"BROWSER": f"{browser} %s"}) as process:
        out, errors = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "user-1\n"), errors


def test_a_person_logs_in_with_a_code(sim: LoopbackSigstore, tmp_path: Path) -> None:
    config = sim.write(tmp_path)["trust_config"]
    with log_in(config, "oob", "", {"CI": "true"}) as process:
        assert process.stderr
        assert process.stdin
        address = next(line.strip() for line in process.stderr if "http" in line)
        with urllib.request.urlopen(address, timeout=10) as page:  # noqa: S310 - a loopback address
            code = page.read().decode()
        out, _ = process.communicate(f"{code}\n", timeout=30)
    assert (process.returncode, out) == (0, "user-1\n"), (
        "the prompt is on stderr, the data on stdout"
    )


@pytest.mark.parametrize("answer", ["wrong\n", ""])
def test_a_wrong_code_is_could_not_be_checked(
    sim: LoopbackSigstore, tmp_path: Path, answer: str
) -> None:
    config = sim.write(tmp_path)["trust_config"]
    with log_in(config, "oob", "", {}) as process:
        _, errors = process.communicate(answer, timeout=30)
    assert "was not completed" in errors
    assert "UncheckedError" in errors


def test_a_provider_that_is_down_is_could_not_be_checked(
    sim: LoopbackSigstore, instance: SigstoreInstance
) -> None:
    for fault in (Fault.down(), Fault.error(500), Fault(FaultKind.HTML)):
        sim.faults["oidc"] = fault
        with pytest.raises(NetworkError, match="identity provider"):
            obtain(TokenRequest(out_of_band=True), instance, {})
