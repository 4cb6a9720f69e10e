"""`weightmark policy sign`: say who stands behind a policy, which revision it is, until when it holds."""

from pathlib import Path

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import FILE_OR_URI, option
from weightmark.cli.options.signers import load_signer, passphrase_option
from weightmark.cli.policy.facts import policy_facts
from weightmark.cli.render.interface import Document
from weightmark.errors import Exit

__all__ = ["sign"]


@command("policy sign")
@click.argument("file", metavar="FILE")
@option("--key", metavar="FILE|URI", type=FILE_OR_URI, help="Private key of the policy's owner")
@passphrase_option()
@pass_console
def sign(console: Console, file: str, *, key: str | None, passphrase_file: str | None) -> None:
    """Sign the policy in FILE, which must say its `revision` and when it `expires`.

    The signature stands in FILE.sig. `policy check --key` verifies it, and `gate --policy-key`
    judges by no policy without it. Another text needs another `revision`, a higher one: who saw that
    refuses the older.
    """
    from weightmark.attestations.policy.load import load_policy_file
    from weightmark.attestations.policy.signature import (
        require_raised,
        sign_policy,
        signature_path,
    )
    from weightmark.provenance.atomic import replace_files

    path = Path(file)
    policy = load_policy_file(path)
    signer = load_signer(key, passphrase_file, command=f"policy sign {file}")
    require_raised(path, policy, signer.own_trust())
    bundle = sign_policy(policy, signer)
    place = signature_path(path)
    replace_files({place: bundle.to_bytes() + b"\n"})
    console.finish(
        Document(
            schema="weightmark/policy-sign/v1",
            exit=Exit.GOOD,
            facts={**policy_facts(policy), "revision": policy.revision, "path": str(place)},
            notices=(f"signed revision {policy.revision} of `{policy.name}` into {place}",),
        )
    )
