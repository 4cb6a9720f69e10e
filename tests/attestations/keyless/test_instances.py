"""Which Sigstore: packaged, by file, by TUF; a wrong file is a missing trust root, never a crash."""

import contextlib
import itertools
import json
from pathlib import Path

import pytest

from tests.sim.faults import Fault, FaultKind
from tests.sim.loopback import LoopbackSigstore
from weightmark.attestations.signers.keyless import Patience, SigstoreInstance
from weightmark.attestations.sigstore.trusted_root import TrustedRoot
from weightmark.errors import CallError, NetworkError, TrustMissingError


def test_the_public_good_instance_needs_no_network_and_no_home(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/proc/nowhere")
    instance = SigstoreInstance.public_good()
    assert instance.identity_provider == "https://oauth2.sigstore.dev/auth"
    assert (
        instance.client_config(1).signing_config.get_fulcio().url == "https://fulcio.sigstore.dev"
    )
    assert TrustedRoot.parse(instance.trusted_root) == TrustedRoot.public_good()


def test_the_staging_instance_is_another(tmp_path: Path) -> None:
    staging = SigstoreInstance.staging()
    assert "sigstage.dev" in staging.identity_provider
    assert staging.trusted_root != SigstoreInstance.public_good().trusted_root


def test_a_trust_config_names_the_services(sim: LoopbackSigstore, tmp_path: Path) -> None:
    instance = SigstoreInstance.from_trust_config(sim.write(tmp_path)["trust_config"])
    assert instance.identity_provider == sim.oidc.url
    assert json.loads(instance.trusted_root) == sim.trusted_root()


def test_a_version_that_the_instance_lacks_is_a_wrong_call(
    sim: LoopbackSigstore, tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(sim.trust_config((1,))))
    instance = SigstoreInstance.from_trust_config(path)
    instance.client_config(1)
    with pytest.raises(CallError, match="no Rekor v2") as refused:
        instance.client_config(2)
    assert refused.value.why.endswith("version 1")


def test_an_instance_without_a_login_page_is_a_wrong_call(
    sim: LoopbackSigstore, tmp_path: Path
) -> None:
    config = sim.trust_config()
    config["signingConfig"]["oidcUrls"] = []
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    instance = SigstoreInstance.from_trust_config(path)
    with pytest.raises(CallError, match="no identity provider"):
        instance.identity_provider  # noqa: B018 - reading it is the test


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "<html>",
        '{"trustedRoot": {}, "signingConfig": {}}',
        '{"trustedRoot": [], "signingConfig": 5}',
        '{"trustedRoot": {}, "trustedRoot": {}, "signingConfig": {}}',
        '{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}',
    ],
)
def test_a_file_that_is_no_trust_config_is_a_missing_root(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(TrustMissingError, match=r"config\.json"):
        SigstoreInstance.from_trust_config(path)


def test_every_part_of_a_trust_config_may_be_missing(sim: LoopbackSigstore, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    whole = sim.trust_config()
    wrong: tuple[object, ...] = (None, [], {}, 5, "x")
    for part in ("trustedRoot", "signingConfig"):
        for name, value in itertools.product(whole[part], wrong):
            path.write_text(json.dumps({**whole, part: {**whole[part], name: value}}))
            with contextlib.suppress(TrustMissingError):
                SigstoreInstance.from_trust_config(path)


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_a_path_that_is_no_file_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path if kind == "folder" else tmp_path / "absent.json"
    with pytest.raises(TrustMissingError, match=path.name):
        SigstoreInstance.from_trust_config(path)


def test_a_tuf_repository_describes_an_instance(sim: LoopbackSigstore, tmp_path: Path) -> None:
    root = sim.write(tmp_path)["tuf_root"]
    instance = SigstoreInstance.from_tuf(sim.tuf_url, root)
    assert instance.identity_provider == sim.oidc.url
    TrustedRoot.parse(instance.trusted_root)


def test_a_tuf_repository_without_a_root_is_a_wrong_call(sim: LoopbackSigstore) -> None:
    with pytest.raises(CallError) as refused:
        SigstoreInstance.from_tuf(sim.tuf_url)
    assert "--tuf-root" in refused.value.fix
    assert not sim.server.requests("tuf"), "nothing was asked for"


@pytest.mark.parametrize(
    "fault",
    [Fault.down(), Fault.error(500), Fault(FaultKind.HTML), Fault.lie("wrong target")],
    ids=lambda fault: fault.kind,
)
def test_a_tuf_repository_that_fails_or_lies_is_could_not_be_checked(
    sim: LoopbackSigstore, tmp_path: Path, fault: Fault
) -> None:
    root = sim.write(tmp_path)["tuf_root"]
    sim.faults["tuf"] = fault
    with pytest.raises(NetworkError, match=sim.tuf_url):
        SigstoreInstance.from_tuf(sim.tuf_url, root)


def test_a_tuf_repository_that_drips_keeps_nobody_waiting(
    sim: LoopbackSigstore, tmp_path: Path
) -> None:
    root = sim.write(tmp_path)["tuf_root"]
    sim.faults["tuf"] = Fault(FaultKind.DRIP)
    with pytest.raises(NetworkError, match=sim.tuf_url):
        SigstoreInstance.from_tuf(sim.tuf_url, root, Patience(answer=0.3, attempts=2))


def test_the_root_of_another_repository_is_refused(sim: LoopbackSigstore, tmp_path: Path) -> None:
    with LoopbackSigstore.running() as other:
        root = other.write(tmp_path)["tuf_root"]
    with pytest.raises(NetworkError):
        SigstoreInstance.from_tuf(sim.tuf_url, root)
