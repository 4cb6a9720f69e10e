"""The conformance suite of the OMS format, driven as its own harness drives any tool: by exit code alone."""

import importlib.util
import json
import os
import shutil
from collections.abc import Callable, Sequence
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from tests.attestations.forge import make_tree

__all__ = ["Case", "adapter"]

ROOT = Path(__file__).resolve().parent.parent.parent


@cache
def adapter() -> Callable[[Sequence[str]], int]:
    """Return the `main` of `tools/oms-adapter`."""
    loader = SourceFileLoader("oms_adapter", str(ROOT / "tools/oms-adapter"))
    spec = importlib.util.spec_from_loader("oms_adapter", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    main: Callable[[Sequence[str]], int] = module.main
    return main


class Case:
    """One case of the suite, its model copied so that it can be changed."""

    def __init__(self, vectors: Path, path: str, place: Path) -> None:
        """Copy the model of the case at `path` into `place` and apply the modifications."""
        suite = vectors / "oms-conformance"
        self.assets = suite / "assets"
        self.folder = suite / "test-cases" / path
        self.config: dict[str, Any] = json.loads((self.folder / "config.json").read_text())
        own = self.config.get("model_relative_to") == "test_dir"
        source = (self.folder if own else self.assets) / self.config["model"]
        self.place = place
        self.model = place / "model"
        if source.is_dir():
            shutil.copytree(source, self.model)
        else:
            self.model.mkdir()
            self.model = Path(shutil.copyfile(source, self.model / source.name))
        for copied in (place, *place.rglob("*")):
            copied.chmod(0o755)
        self._modify(self.config.get("model_modifications", {}))

    def _modify(self, changes: dict[str, Any]) -> None:
        for group in ("tamper", "inject"):
            for name, text in changes.get(group, {}).items():
                make_tree(self.model, {name: text.encode()})
        for name in changes.get("delete", []):
            (self.model / name).unlink()
        for name, target in changes.get("symlinks", {}).items():
            (self.model / name).symlink_to(target)

    @property
    def must_fail(self) -> bool:
        """Whether a tool has to refuse it."""
        return self.config.get("expect") == "fail" or self.folder.name.endswith("_fail")

    @property
    def signature(self) -> Path:
        """Where a round trip puts the signature."""
        inside = self.config.get("sig_inside_model")
        return self.model / "model.sig" if inside else self.place / "out.sig"

    def sign(self, target: Path | None = None) -> int:
        """Sign the model as the case says and return the exit code."""
        call = ["sign-model", *self._common(self.config["sign"])]
        return adapter()([*call, "--output-bundle", str(target or self.signature)])

    def verify(self, bundle: Path | None = None) -> int:
        """Verify the model with the signature of the case, or another one, and return the exit code."""
        asked = self.config["verify"]
        call = ["verify-model", *self._common(asked)]
        if asked.get("ignore_unsigned_files"):
            call.append("--ignore-unsigned-files")
        return adapter()([*call, "--bundle", str(bundle or self.folder / "bundle.sig")])

    def _common(self, asked: dict[str, Any]) -> list[str]:
        flags = ["--method", self.config["method"], "--model-path", str(self.model)]
        for name in ("public_key", "private_key", "signing_cert"):
            if name in asked:
                flags += [f"--{name.replace('_', '-')}", str(self.assets / asked[name])]
        for chain in asked.get("cert_chain", []):
            flags += ["--cert-chain", str(self.assets / chain)]
        if "identity_token_env" in asked:
            flags += ["--identity-token", os.environ[asked["identity_token_env"]]]
        for name in ("identity", "identity_provider"):
            if name in asked:
                flags += [f"--{name.replace('_', '-')}", os.path.expandvars(asked[name])]
        for path in self.config["verify"].get("ignore_paths", []):
            flags += ["--ignore-paths", str(self.model / path)]
        return flags
