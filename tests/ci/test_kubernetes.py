"""`ci/kubernetes/`: what the manifests run is run here, with their own words and variables."""

import json
import os
import pickle
import re
import shlex
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.attestations.gate_makers import EVIL_PICKLE, KEY, make_signed
from tests.ci.recipes import recipes
from tests.ci.workflow import ROOT
from tests.sim.hub import Hub
from weightmark.attestations.keys import PrivateKey

KUBERNETES = ROOT / "ci/kubernetes"
BIN = Path(sys.executable).parent
GATE_KEY = PrivateKey.generate()


def documents(path: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all((KUBERNETES / path).read_text()) if one]


def of_kind(path: str, kind: str) -> dict[str, Any]:
    [found] = [one for one in documents(path) if one["kind"] == kind]
    return found


def pod(path: str) -> dict[str, Any]:
    spec: dict[str, Any] = of_kind(path, "Deployment")["spec"]["template"]["spec"]
    return spec


def config_map(folder: Path, files: dict[str, bytes]) -> Path:
    """Make a folder as a kubelet mounts a ConfigMap: every name is a link through `..data`."""
    folder.mkdir()
    data = folder / "..2026_11_21"
    data.mkdir()
    (folder / "..data").symlink_to(data.name)
    for name, content in files.items():
        (data / name).write_bytes(content)
        (folder / name).symlink_to(f"..data/{name}")
    return folder


def policy_files(folder: str) -> dict[str, bytes]:
    """Return the files that the kustomization puts beside the policy, with keys in their places."""
    [generated] = of_kind(f"{folder}/kustomization.yaml", "Kustomization")["configMapGenerator"]
    keys = {"release.pub": KEY.public.pem, "decisions.pub": GATE_KEY.public.pem}
    places = [KUBERNETES / folder / name for name in generated["files"]]
    return {place.name: keys.get(place.name) or place.read_bytes() for place in places}


# --- what every manifest promises --------------------------------------------------------------------


def containers() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for path in ("gate/deployment.yaml", "vllm/deployment.yaml"):
        spec = pod(path)
        for one in (*spec.get("initContainers", []), *spec["containers"]):
            yield f"{path}: {one['name']}", one, spec["securityContext"]
    [storage] = documents("kserve/clusterstoragecontainer.yaml")
    one = storage["spec"]["container"]
    yield "kserve", one, one["securityContext"]


@pytest.mark.parametrize(("name", "container", "outer"), [*containers()])
def test_every_container_runs_confined(
    name: str, container: dict[str, Any], outer: dict[str, Any]
) -> None:
    inner = container["securityContext"]
    assert inner["readOnlyRootFilesystem"] is True
    assert inner["allowPrivilegeEscalation"] is False
    assert inner["capabilities"] == {"drop": ["ALL"]}
    assert outer["runAsNonRoot"] is True
    assert outer["runAsUser"] > 0
    assert outer["seccompProfile"] == {"type": "RuntimeDefault"}


def test_the_server_can_not_write_the_model_that_was_judged() -> None:
    spec = pod("vllm/deployment.yaml")
    [server] = spec["containers"]
    mounts = {one["name"]: one for one in server["volumeMounts"]}
    assert mounts["models"]["readOnly"] is True
    writable = [one["mountPath"] for one in mounts.values() if not one.get("readOnly")]
    assert not [path for path in writable if path.startswith("/models")]
    assert spec["automountServiceAccountToken"] is False


def test_the_webhook_fails_closed_and_asks_the_service_that_exists() -> None:
    [webhook] = of_kind("gate/webhook.yaml", "ValidatingWebhookConfiguration")["webhooks"]
    assert (webhook["failurePolicy"], webhook["timeoutSeconds"]) == ("Fail", 15)
    assert all(rule["operations"] == ["CREATE", "UPDATE", "DELETE"] for rule in webhook["rules"])
    service = of_kind("gate/deployment.yaml", "Service")
    asked = webhook["clientConfig"]["service"]
    assert (asked["name"], asked["namespace"]) == (
        service["metadata"]["name"],
        service["metadata"]["namespace"],
    )
    assert asked["port"] in {port["port"] for port in service["spec"]["ports"]}
    exempt = webhook["namespaceSelector"]["matchExpressions"][0]
    assert service["metadata"]["namespace"] in exempt["values"], "else it could not start"


@pytest.mark.parametrize("folder", ["gate", "vllm", "kserve"])
def test_a_kustomization_names_what_is_there(folder: str) -> None:
    kustomization = of_kind(f"{folder}/kustomization.yaml", "Kustomization")
    assert all((KUBERNETES / folder / one).is_file() for one in kustomization["resources"])
    used = {one["name"] for one in kustomization.get("configMapGenerator", [])}
    text = "".join((KUBERNETES / folder / one).read_text() for one in kustomization["resources"])
    assert all(re.search(rf"configMap: \{{ name: {name}", text) for name in used)
    for image in kustomization.get("images", []):
        assert re.search(rf"image: {image['name']}$", text, re.MULTILINE)
        assert "digest" in image


@pytest.mark.parametrize("folder", ["gate", "vllm"])
def test_the_policies_are_valid(tmp_path: Path, folder: str) -> None:
    place = config_map(tmp_path / "policy", policy_files(folder))
    call = [str(BIN / "weightmark"), "policy", "check", str(place / "policy.toml")]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- fetching ----------------------------------------------------------------------------------------


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub.running() as running:
        yield running


def published(hub: Hub, folder: Path, name: str, *, evil: bool = False) -> str:
    """Publish a signed model; return its commit."""
    model = make_signed(folder)
    if evil:
        (model / "more.pkl").write_bytes(EVIL_PICKLE)
    files = {one.name: one.read_bytes() for one in model.iterdir()}
    return hub.add("models", name, files).head


def environment(container: dict[str, Any], hub: Hub, home: Path, policy: Path) -> dict[str, str]:
    given = {one["name"]: one["value"] for one in container.get("env", []) if "value" in one}
    here = {name: value.replace("/etc/weightmark", str(policy)) for name, value in given.items()}
    home.mkdir(exist_ok=True)
    plain = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(home), "NO_PROXY": "127.0.0.1"}
    return {**plain, **hub.environment, **here}


@pytest.mark.parametrize(("evil", "code"), [(False, 0), (True, 1)])
def test_the_init_container_places_what_the_policy_allows_and_nothing_else(
    hub: Hub, tmp_path: Path, evil: bool, code: int
) -> None:
    commit = published(hub, tmp_path / "m", "acme/llm", evil=evil)
    [init] = pod("vllm/deployment.yaml")["initContainers"]
    policy = config_map(tmp_path / "policy", policy_files("vllm"))
    models = tmp_path / "models"
    models.mkdir()
    words = [re.sub(r"^(--to=)?/models", rf"\g<1>{models}", word) for word in init["args"]]
    words[-1] = re.sub(r"@[0-9a-f]{40}$", f"@{commit}", words[-1])
    done = subprocess.run(
        [str(BIN / "weightmark"), *words],
        env=environment(init, hub, tmp_path / "home", policy),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert (models / "llm").exists() == (code == 0)


def initialize(
    hub: Hub, tmp_path: Path, uri: str, target: Path
) -> "subprocess.CompletedProcess[str]":
    """Run the initializer as KServe does: command of the manifest, then address and folder."""
    [storage] = documents("kserve/clusterstoragecontainer.yaml")
    container = storage["spec"]["container"]
    assert container["name"] == "storage-initializer"
    policy = tmp_path / "policy"
    if not policy.exists():
        config_map(policy, policy_files("vllm"))
    return subprocess.run(
        [*container["command"], uri, str(target)],
        env=environment(container, hub, tmp_path / "home", policy),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )


def test_kserve_gets_what_begins_with_our_prefix(hub: Hub, tmp_path: Path) -> None:
    [storage] = documents("kserve/clusterstoragecontainer.yaml")
    [prefix] = [one["prefix"] for one in storage["spec"]["supportedUriFormats"]]
    [recipe] = recipes("docs/kubernetes.md", "yaml", "kind: InferenceService")
    examples = (yaml.safe_load(recipe), documents("kserve/inferenceservice.yaml")[0])
    uri, other = (one["spec"]["predictor"]["model"]["storageUri"] for one in examples)
    assert uri.startswith(prefix)
    assert other.startswith(prefix)
    commit = published(hub, tmp_path / "m", "acme/bert")
    target = tmp_path / "mnt"
    target.mkdir()
    done = initialize(hub, tmp_path, re.sub(r"@.*", f"@{commit}", uri), target)
    assert done.returncode == 0, done.stderr
    assert {"model.sig", "model.claims"} <= {one.name for one in target.iterdir()}


def test_kserve_gets_nothing_that_is_refused(hub: Hub, tmp_path: Path) -> None:
    published(hub, tmp_path / "m", "acme/bert", evil=True)
    target = tmp_path / "mnt"
    target.mkdir()
    assert initialize(hub, tmp_path, "weightmark+hf://acme/bert", target).returncode == 1
    assert not list(target.iterdir())


def test_a_pickle_is_refused_whoever_signed_it(hub: Hub, tmp_path: Path) -> None:
    honest = pickle.dumps({"weight": 1})
    model = make_signed(tmp_path / "m", scan=True, **{"optimizer.pkl": honest})
    hub.add("models", "acme/bert", {one.name: one.read_bytes() for one in model.iterdir()})
    done = initialize(hub, tmp_path, "weightmark+hf://acme/bert", tmp_path / "mnt")
    assert done.returncode == 1, done.stderr
    assert "`optimizer.pkl` is pickle" in done.stdout + done.stderr
    assert not (tmp_path / "mnt").exists()


def test_what_a_repository_of_a_language_model_holds_is_let_through(
    hub: Hub, tmp_path: Path
) -> None:
    usual = {
        ".gitattributes": b"*.safetensors filter=lfs\n",
        "LICENSE": b"free\n",
        "README.md": b"# a model\n",
        "chat_template.jinja": b"{% for one in messages %}{{ one.content }}{% endfor %}\n",
        "merges.txt": b"#version: 0.2\na b\n",
        "model.safetensors.index.json": b'{"weight_map": {"w": "model.safetensors"}}',
        "tokenizer.json": b'{"version": "1.0", "model": {}}',
    }
    model = make_signed(tmp_path / "m", scan=True, **usual)
    hub.add("models", "acme/bert", {one.name: one.read_bytes() for one in model.iterdir()})
    target = tmp_path / "mnt"
    done = initialize(hub, tmp_path, "weightmark+hf://acme/bert", target)
    assert done.returncode == 0, done.stdout + done.stderr
    assert usual.keys() <= {one.name for one in target.iterdir()}


@pytest.mark.parametrize(
    "uri",
    ["weightmark+hf://acme/$(touch pwned)", "weightmark+x; touch pwned", "--policy=audit", ""],
)
def test_an_address_is_never_run_or_taken_for_a_flag(hub: Hub, tmp_path: Path, uri: str) -> None:
    done = initialize(hub, tmp_path, uri, tmp_path / "mnt")
    assert done.returncode not in {0, 70}, done.stderr
    assert not list(tmp_path.rglob("pwned*"))
    assert not (tmp_path / "mnt").exists()


# --- deploying ---------------------------------------------------------------------------------------


def _certify(folder: Path) -> None:
    """Write what cert-manager puts into the secret: `tls.crt` and `tls.key`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gate.weightmark.svc")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    pem = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    (folder / "tls.crt").write_bytes(pem)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "tls.key").write_bytes(private)


@contextmanager
def serving(tmp_path: Path, claims: dict[str, bytes]) -> Iterator[int]:
    """Serve the gate with the words of the deployment; give its port."""
    [container] = pod("gate/deployment.yaml")["containers"]
    tls = tmp_path / "tls"
    tls.mkdir()
    _certify(tls)
    places = {
        "/etc/weightmark": config_map(tmp_path / "policy", policy_files("gate")),
        "/claims": config_map(tmp_path / "claims", claims),
        "/tls": tls,
    }
    mounted = {one["mountPath"] for one in container["volumeMounts"]}
    assert places.keys() <= mounted
    words = container["args"]
    for inside, outside in places.items():
        words = [word.replace(f"={inside}", f"={outside}") for word in words]
    words = [re.sub("^--port=.*", "--port=0", word) for word in words]
    words = [re.sub("^--host=.*", "--host=127.0.0.1", word) for word in words]
    home = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with subprocess.Popen(
        [str(BIN / "weightmark"), *words], env=home, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = ""
        try:
            while not (found := re.search(r"listening on https://\S+:(\d+)", said)):
                line = process.stderr.readline()
                assert line, said
                said += line
            yield int(found[1])
        finally:
            process.kill()


def ask(port: int, method: str, path: str, body: object = None) -> tuple[int, Any]:
    context = ssl._create_unverified_context()  # noqa: S323 - a certificate of this test
    connection = HTTPSConnection("127.0.0.1", port, timeout=60, context=context)
    try:
        connection.request(method, path, json.dumps(body) if body else None)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())
    finally:
        connection.close()


def review(asked: dict[str, Any], operation: str = "CREATE") -> dict[str, Any]:
    request = {"uid": "1", "operation": operation, "object": asked, "kind": {"kind": "Deployment"}}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def decided(tmp_path: Path, *more: str) -> str:
    """Make the model, gate it by the call of the page, with `more`; return its identity."""
    make_signed(tmp_path / "model")
    (tmp_path / "decisions.key").write_bytes(GATE_KEY.to_pem(None))
    its_policy = tmp_path / "my-gate/policy"
    its_policy.mkdir(parents=True)
    for name, content in policy_files("gate").items():
        (its_policy / name).write_bytes(content)
    [page] = recipes("docs/kubernetes.md", "console", r"\$ weightmark gate model")
    [line] = [one for one in page.splitlines() if one.startswith("$ weightmark gate")]
    words = shlex.split(line.removeprefix("$ weightmark "))
    call = [str(BIN / "weightmark"), *words, *more, "--format", "json"]
    done = subprocess.run(call, capture_output=True, check=True, cwd=tmp_path)
    identity: str = json.loads(done.stdout)["identity"]
    return identity


def test_the_gate_lets_a_deployment_through_that_its_pipeline_decided_about(
    tmp_path: Path,
) -> None:
    identity = decided(tmp_path)
    webhook = of_kind("gate/webhook.yaml", "ValidatingWebhookConfiguration")["webhooks"][0]
    path = webhook["clientConfig"]["service"]["path"]
    probe = pod("gate/deployment.yaml")["containers"][0]["readinessProbe"]["httpGet"]["path"]
    deployment = of_kind("vllm/deployment.yaml", "Deployment")
    kept = {"decision.vsa": (tmp_path / "decision.vsa").read_bytes()}
    with serving(tmp_path, kept) as port:
        assert ask(port, "GET", probe)[0] == 200
        _, said = ask(port, "POST", path, review(deployment))
        assert said["response"]["allowed"] is False, "nobody decided about zeros"
        notes = deployment["spec"]["template"]["metadata"]["annotations"]
        notes["weightmark/artifacts"] = identity
        _, said = ask(port, "POST", path, review(deployment))
        assert said["response"]["allowed"] is True, said
        notes.clear()
        _, said = ask(port, "POST", path, review(deployment))
        assert said["response"]["allowed"] is False
        _, said = ask(port, "POST", path, review(deployment, "DELETE"))
        assert said["response"]["allowed"] is True


def test_a_decision_by_another_policy_is_refused_and_the_cluster_says_so(tmp_path: Path) -> None:
    lax = tmp_path / "lax.toml"
    text = (KUBERNETES / "gate/policy/policy.toml").read_text()
    lax.write_text(
        text.replace('"release.pub"', '"my-gate/policy/release.pub"').replace(
            '"decisions.pub"', '"my-gate/policy/decisions.pub"'
        )
    )
    identity = decided(tmp_path, "--policy", str(lax))
    deployment = of_kind("vllm/deployment.yaml", "Deployment")
    deployment["spec"]["template"]["metadata"]["annotations"]["weightmark/artifacts"] = identity
    kept = {"decision.vsa": (tmp_path / "decision.vsa").read_bytes()}
    with serving(tmp_path, kept) as port:
        _, said = ask(port, "POST", "/v1/admission", review(deployment))
    assert said["response"]["allowed"] is False
    assert "decided by another policy, sha256:" in said["response"]["status"]["message"]


def test_the_gate_starts_without_decisions_and_refuses(tmp_path: Path) -> None:
    with serving(tmp_path, {}) as port:
        deployment = of_kind("vllm/deployment.yaml", "Deployment")
        _, said = ask(port, "POST", "/v1/admission", review(deployment))
        assert said["response"]["allowed"] is False
