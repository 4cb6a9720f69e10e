"""`weightmark policy`: write, check and explain a policy."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import option, trust_options
from weightmark.cli.options.trust import trust_directory
from weightmark.cli.places import require_folder_of
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit

if TYPE_CHECKING:
    from weightmark.attestations.policy.model import Policy

__all__ = ["check", "explain", "init", "policy"]

_PRESETS = ("baseline", "strict", "audit")
_DEFAULT_FILE = "weightmark-policy.toml"


@command("policy init", own_output=True)
@click.argument("file", metavar="[FILE]", required=False)
@option(
    "--preset",
    type=click.Choice(_PRESETS),
    default="baseline",
    show_default=True,
    help="Policy to begin with",
)
@trust_options(several=True)
@option(
    "--trust",
    metavar="NAME|FILE",
    help="Trust file that the policy names, for identities and certificates",
)
@option("--name", metavar="TEXT", help="Name of the policy (default: that of the file)")
@option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(),
    help=f"Policy file to write, the same as FILE (default: {_DEFAULT_FILE})",
)
@pass_console
def init(
    console: Console,
    file: str | None,
    *,
    preset: str,
    key: tuple[str, ...],
    trust: str | None,
    name: str | None,
    output: str | None,
) -> None:
    """Write a commented policy to FILE, which says whom you trust; never overwrites.

    Keys stand in the policy itself. A trust file is named by its path from the policy file.
    """
    from weightmark.attestations.keys import PublicKey
    from weightmark.attestations.policy.model import ReleaseRule
    from weightmark.attestations.policy.template import draft_policy
    from weightmark.attestations.trust.trust_file import load_trust_file
    from weightmark.provenance.atomic import create_file

    path = _target(file, output)
    keys = [PublicKey.load(one) for one in key]
    trust_file = _trust_file(trust) if trust else None
    loaded = load_trust_file(trust_file) if trust_file else None
    text = draft_policy(
        preset,
        keys,
        name=name or path.stem,
        trust=Path(os.path.relpath(trust_file, path.resolve().parent)).as_posix()
        if trust_file
        else "",
        read_trust=(lambda _: loaded) if loaded else None,
    )
    rule = ReleaseRule(keys=tuple(keys), anchors=loaded.anchors if loaded else ())
    others = f"; revoked: {', '.join(rule.revoked)}" if rule.revoked else ""
    trusting = ", ".join(rule.trusted) or "nobody any more"
    try:
        create_file(path, text, mode=0o644)
    except FileExistsError as error:
        raise CallError(
            f"`{path}` exists and is not overwritten", fix="name another file, or move it away"
        ) from error
    console.hint(f"say what it means with `weightmark policy explain {path}`")
    console.finish(
        Document(
            schema="weightmark/policy-init/v1",
            exit=Exit.GOOD,
            facts={
                "path": str(path),
                "preset": preset,
                "trusted": list(rule.trusted),
                "revoked": list(rule.revoked),
            },
            notices=(f"wrote {path}: preset `{preset}`, trusting {trusting}{others}",),
        )
    )


def _trust_file(word: str) -> Path:
    from weightmark.attestations.trust.trust_file import find_trust_file

    return find_trust_file(word, trust_directory()).resolve()


def _target(file: str | None, output: str | None) -> Path:
    if file and output and file != output:
        raise CallError(
            f"two files to write were named: `{file}` and `{output}`",
            fix="name one of them, as FILE or with `--output`",
        )
    path = Path(output or file or _DEFAULT_FILE)
    require_folder_of(path)
    return path


@command("policy check")
@click.argument("file", metavar="FILE")
@pass_console
def check(console: Console, file: str) -> None:
    """Validate the policy in FILE: syntax, keys, and demands that contradict each other."""
    from weightmark.attestations.policy.load import load_policy_file

    policy = load_policy_file(Path(file))
    console.finish(
        Document(
            schema="weightmark/policy-check/v1",
            exit=Exit.GOOD,
            verdict="valid",
            headline=f"valid: `{policy.name}`, sha256:{policy.sha256}",
            facts=_facts(policy),
        )
    )


@command("policy explain")
@click.argument("word", metavar="PRESET|FILE")
@pass_console
def explain(console: Console, word: str) -> None:
    """Say in plain words what a preset or a policy file demands, one line for each check."""
    from weightmark.attestations.policy.explain import explain_policy
    from weightmark.attestations.policy.load import is_policy_file, load_policy_file, load_preset

    policy = load_policy_file(Path(word)) if is_policy_file(word) else load_preset(word)
    demands = explain_policy(policy)
    width = max(len(demand.check) for demand in demands)
    console.finish(
        Document(
            schema="weightmark/policy-explain/v1",
            exit=Exit.GOOD,
            facts={
                **_facts(policy),
                "demands": [
                    {"check": one.check, "text": one.text, "setting": one.setting}
                    for one in demands
                ],
            },
            lines=tuple(f"{one.check:<{width}}  {one.text}  ({one.setting})" for one in demands),
        )
    )


def _facts(policy: "Policy") -> dict[str, Any]:
    return {
        "name": policy.name,
        "source": policy.source,
        "uri": policy.uri,
        "digest": f"sha256:{policy.sha256}",
        "mode": policy.mode.value,
        "trusted": list(policy.release.trusted),
        "revoked": list(policy.release.revoked),
    }


policy = click.Group(
    "policy",
    commands={"init": init, "check": check, "explain": explain},
    help="Write, check and explain a policy",
)
