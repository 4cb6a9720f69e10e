"""`weightmark policy init`: write a first policy, with what a model at hand suggests."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import option, trust_options
from weightmark.cli.options.trust import trust_directory
from weightmark.cli.places import require_folder_of
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit, PolicyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weightmark.attestations.keys import PublicKey
    from weightmark.attestations.policy.proposal import Proposal

__all__ = ["init"]

_PRESETS = ("baseline", "strict", "airgapped", "audit")
_DEFAULT_FILE = "weightmark-policy.toml"


@command("policy init", own_output=True)
@click.argument("model", metavar="[MODEL|URI]", required=False)
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
@option(
    "--name",
    metavar="TEXT",
    help="Name of the policy, not that of a preset (default: that of the file)",
)
@option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(),
    help=f"Policy file to write (default: {_DEFAULT_FILE})",
)
@pass_console
def init(
    console: Console,
    model: str | None,
    *,
    preset: str,
    key: tuple[str, ...],
    trust: str | None,
    name: str | None,
    output: str | None,
) -> None:
    """Write a commented policy that says whom you trust; never overwrites.

    With MODEL, a path or an address such as `hf://owner/name`, it looks at it first: the policy then allows the formats that the model consists of,
    and, where you name nobody, trusts the identities that its signatures name. It says what that
    implies. Keys stand in the policy itself. A trust file is named by its path from the policy file.
    """
    from weightmark.attestations.keys import PublicKey
    from weightmark.attestations.policy.roles import Role
    from weightmark.attestations.policy.template import draft_policy
    from weightmark.attestations.trust.trust_file import load_trust_file
    from weightmark.provenance.atomic import create_file

    path = Path(output or _DEFAULT_FILE)
    require_folder_of(path)
    keys = [PublicKey.load(one) for one in key]
    trust_file = _trust_file(trust) if trust else None
    loaded = load_trust_file(trust_file) if trust_file else None
    proposal = _propose(console, model, path, keys) if model else None
    identities = proposal.identities if proposal and not keys and not trust else ()
    if proposal and not (keys or trust or identities):
        raise _nobody(proposal)
    text = draft_policy(
        preset,
        keys,
        name=name or (f"our {path.stem}" if path.stem in _PRESETS else path.stem),
        trust=Path(os.path.relpath(trust_file, path.resolve().parent)).as_posix()
        if trust_file
        else "",
        identities=identities,
        formats=proposal.formats if proposal else (),
        read_trust=(lambda _: loaded) if loaded else None,
    )
    role = Role("release", keys=tuple(keys), anchors=loaded.anchors if loaded else ())
    trusted = [*role.trusted, *(f"sigstore:{who}@{issuer}" for who, issuer in identities)]
    others = f"; revoked: {', '.join(role.revoked)}" if role.revoked else ""
    try:
        create_file(path, text, mode=0o644)
    except FileExistsError as error:
        raise CallError(
            f"`{path}` exists and is not overwritten", fix="name another file, or move it away"
        ) from error
    console.hint(f"say what it means with `weightmark policy explain {_as_file(path)}`")
    wrote = f"wrote {path}: preset `{preset}`, trusting {', '.join(trusted) or 'nobody any more'}{others}"
    console.finish(
        Document(
            schema="weightmark/policy-init/v1",
            exit=Exit.GOOD,
            facts={
                "path": str(path),
                "preset": preset,
                "trusted": trusted,
                "revoked": list(role.revoked),
                "found": list(proposal.words) if proposal else [],
            },
            notices=(wrote, *(f"- {one}" for one in (proposal.words if proposal else ()))),
        )
    )


def _propose(console: Console, model: str, policy: Path, keys: "Sequence[PublicKey]") -> "Proposal":
    from weightmark.attestations.outside import require_outside
    from weightmark.attestations.policy.proposal import propose
    from weightmark.provenance.sources.choice import is_remote

    if is_remote(model):
        from weightmark.attestations.pulling.visiting import visit

        with (
            console.progress(None) as progress,
            visit(model, offline=console.offline, progress=progress) as fetched,
        ):
            pinned = fetched.snapshot.pinned
            return propose(fetched.path, address=pinned, keys=keys, jobs=console.jobs)
    require_outside(Path(model), policy, "the policy", error=PolicyError)
    return propose(Path(model), keys=keys, jobs=console.jobs)


def _nobody(proposal: "Proposal") -> CallError:
    signers = ", ".join(proposal.others[:3])
    claimed = f"its signatures name {signers}, which proves nothing yet" if signers else ""
    unsigned = next((one for one in proposal.words if one.startswith("unsigned")), "")
    return CallError(
        "a policy has to say whom to trust",
        why="; ".join(filter(None, ["the model itself can't say it", claimed, unsigned])),
        fix="name your own public key, or that of the publisher, with `--key release.pub`, or a trust file with `--trust ./acme.toml`",
    )


def _as_file(path: Path) -> str:
    text = str(path)
    return text if "/" in text or text.endswith(".toml") else f"./{text}"


def _trust_file(word: str) -> Path:
    from weightmark.attestations.trust.trust_file import find_trust_file

    return find_trust_file(word, trust_directory()).resolve()
