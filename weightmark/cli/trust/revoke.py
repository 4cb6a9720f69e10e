"""`weightmark trust revoke`: a signer whom you trusted, and no longer do."""

from datetime import UTC, datetime

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.moments import parse_beginning
from weightmark.cli.options.common import option
from weightmark.cli.options.trust import trust_directory
from weightmark.cli.render.interface import Document
from weightmark.cli.trust.files import edit_file
from weightmark.errors import Exit

__all__ = ["revoke"]


@command("trust revoke")
@click.argument("word", metavar="NAME|FILE")
@click.argument("label", metavar="LABEL")
@option("--since", metavar="DATE", help="Only signatures proven to be older count (default: now)")
@option("--reason", metavar="TEXT", help="Why, for people; shown with every refusal")
@pass_console
def revoke(
    console: Console, word: str, label: str, *, since: str | None, reason: str | None
) -> None:
    """Revoke the entry LABEL of a trust file, as `release` or `keys.release`.

    From then on only signatures count that a verified timestamp or log entry proves to be older.
    Name as DATE the moment since when somebody else may have signed; a later call can name an
    earlier one.
    """
    from weightmark.attestations.trust.revoking import Revocation
    from weightmark.attestations.trust.trust_file import (
        find_trust_file,
        load_trust_file,
        parse_trust_file,
    )
    from weightmark.provenance.sidecars import read_bounded

    path = find_trust_file(word, trust_directory())
    file = load_trust_file(path)
    now = datetime.now(UTC).replace(microsecond=0)
    moment = parse_beginning(since) or now
    revocation = Revocation.of(file, label, moment, reason or "")

    def edit(text: str) -> str:
        edited = revocation.write_into(text)
        after = parse_trust_file(
            edited.encode(), source=str(path), read=lambda name: read_bounded(path.parent / name)
        )
        revocation.require_only(file, after)
        return edited

    digest = edit_file(path, edit)
    shown = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    console.finish(
        Document(
            schema="weightmark/trust-revoke/v1",
            exit=Exit.GOOD,
            facts={
                "path": str(path),
                "entry": revocation.name,
                "revoked": shown,
                "reason": revocation.reason,
                "digest": f"sha256:{digest}",
            },
            notices=(
                f"wrote {path}: `{revocation.name}` is revoked since {shown}",
                *_cautions(moment, now),
                "whoever has a copy of this trust file needs the new one",
            ),
        )
    )


def _cautions(moment: datetime, now: datetime) -> tuple[str, ...]:
    if moment <= now:
        return ()
    said = f"caution: {moment:%Y-%m-%d} lies ahead, and until then every signature counts"
    return (f"{said}; name the moment since when somebody else may have signed",)
