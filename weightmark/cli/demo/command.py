"""`weightmark demo`: the story on a tiny model, offline."""

import sys
import tempfile
from pathlib import Path

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.errors import Exit

__all__ = ["demo"]


@command("demo", formats=("text",))
@pass_console
def demo(console: Console) -> None:
    """See the whole job on a tiny model: sign, verify, gate, record, and four attacks.

    Works offline in a temporary folder and leaves nothing behind.
    """
    from weightmark.cli.demo.story import Stage, tell_story
    from weightmark.cli.demo.tiny_model import write_tiny_model

    def say(line: str) -> None:
        console.write(f"{line}\n")

    with tempfile.TemporaryDirectory(prefix="weightmark-demo-") as folder:
        write_tiny_model(Path(folder) / "tiny-model")
        say(
            "weightmark decides whether a model may be trusted. This is the whole job, on a tiny model."
        )
        tell_story(Stage(Path(folder), say), {"tiny-model": Exit.GOOD})
    sys.exit(0)
