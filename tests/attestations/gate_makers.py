"""Small models, a trusted key, and short ways to gate."""

import json
import struct
from datetime import UTC, datetime
from pathlib import Path

from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.decision import Decision
from weightmark.attestations.keys import PrivateKey, PublicKey
from weightmark.attestations.making.signing import SignOptions, sign_artifact
from weightmark.attestations.policy.load import load_preset
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.policy.parse import parse_policy
from weightmark.attestations.policy.reading.files import PolicyFiles
from weightmark.attestations.signers.key import KeySigner

KEY = PrivateKey.generate()
SIGNER = KeySigner(KEY)
STRANGER = KeySigner(PrivateKey.generate())
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
EVIL_PICKLE = b"cos\nsystem\n(S'echo x'\ntR."
"""protocol 0: os.system('echo x')"""


def safetensors(payload: bytes = b"abcd") -> bytes:
    shape = {"dtype": "U8", "shape": [len(payload)], "data_offsets": [0, len(payload)]}
    header = json.dumps({"w": shape}).encode()
    return struct.pack("<Q", len(header)) + header + payload


def make_model(path: Path, **more: bytes) -> Path:
    path.mkdir()
    (path / "model.safetensors").write_bytes(safetensors())
    (path / "config.json").write_bytes(b"{}")
    for name, content in more.items():
        (path / name).write_bytes(content)
    return path


def make_signed(path: Path, *, scan: bool = True, **more: bytes) -> Path:
    model = make_model(path, **more)
    sign_artifact(model, SIGNER, SignOptions(scan=scan))
    return model


def preset(name: str) -> Policy:
    return load_preset(name).with_keys([KEY.public])


def pem(*keys: PublicKey) -> str:
    """Keys as a policy holds them."""
    return "[" + ", ".join(f"'''\n{key.pem.decode()}'''" for key in keys) + "]"


def parse(text: str, environment: str = "") -> Policy:
    """A policy file whose keys stand in it as PEM."""
    files = PolicyFiles(lambda item: PublicKey.from_pem(item.encode()))
    return parse_policy(text.encode(), source="test.toml", files=files, environment=environment)


def policy(text: str = "", release: str = "") -> Policy:
    """A policy file that trusts the key; `text` stands before `[roles]`, `release` below `[require.release]`."""
    role = f"[roles.release]\nkeys = {pem(KEY.public)}"
    return parse(f"version = 1\n{text}\n{role}\n[require.release]\n{release}\n")


def check(decision: Decision, name: str) -> Check:
    """Return the worst check of this name."""
    order = [Outcome.FAIL, Outcome.UNCHECKED, Outcome.NOTHING, Outcome.INFO, Outcome.PASS]
    found = [one for one in decision.checks if one.name == name]
    return min(found, key=lambda one: order.index(one.outcome))


def refused(decision: Decision) -> set[str]:
    return {one.name for one in decision.checks if one.outcome is Outcome.FAIL}
