"""The entry point: run a command, and end every failure with words and an exit code."""

import atexit
import errno
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    import click

    from weightmark.cli.app import app
except KeyboardInterrupt:
    # nobody is there yet who could say so in words
    raise SystemExit(130) from None

if TYPE_CHECKING:
    from weightmark.cli.console import Console
    from weightmark.errors import WeightmarkError

__all__ = ["main"]

_COMPLETE = "_WEIGHTMARK_COMPLETE"
_USAGE = 2
_UNDELIVERED = 4
_BUG = 70
_INTERRUPTED = 130
_OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""modules and classes are made by the thousand at start, and collecting every 700 of them finds nothing"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `weightmark` with these arguments and return the exit code, see `weightmark.errors.Exit`."""
    args = list(sys.argv[1:] if argv is None else argv)
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    atexit.register(gc.freeze)  # the last collection of a process that ends anyway takes longest
    try:
        return _complete() if _COMPLETE in os.environ else _answer(args)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BaseException:  # noqa: BLE001 - a failure while reporting a failure must not read as exit 1
        return _BUG
    finally:
        _settle()


def _complete() -> int:
    from click.shell_completion import shell_complete

    return shell_complete(app, {}, "weightmark", _COMPLETE, os.environ[_COMPLETE])


def _settle() -> None:
    """Leave nothing in a buffer: the interpreter's own last flush ends with 120 when it fails."""
    from weightmark.cli.streams import settle_streams

    if sys.stdout is not None and sys.stderr is not None:
        settle_streams()


def _need_streams() -> None:
    """Keep closed descriptors 1 and 2 from being taken by a file that is opened later."""
    from weightmark.errors import ReadError

    closed = [name for name in ("stdout", "stderr") if getattr(sys, name) is None]
    for name in closed:
        setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - stays open
    if "stdout" in closed:
        raise ReadError("stdout is closed", fix="redirect it to a file or to `/dev/null`")


def _answer(args: list[str]) -> int:
    meta: dict[str, Any] = {}
    try:
        _need_streams()
        return _run(args, meta)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else _BUG
    except (KeyboardInterrupt, click.Abort):
        from weightmark.cli.streams import say

        say("interrupted\n")
        return _INTERRUPTED
    except BrokenPipeError:
        from weightmark.cli.streams import discard_stdout

        discard_stdout()
        return _UNDELIVERED
    except BaseException as error:  # noqa: BLE001 - the last line of defence: no traceback leaves
        return _report(error, args, meta)


def _run(args: list[str], meta: dict[str, Any]) -> int:
    try:
        with app.make_context("weightmark", args) as ctx:
            try:
                app.invoke(ctx)
            finally:
                meta.update(ctx.meta)
    except click.exceptions.Exit as done:
        from weightmark.cli.streams import flush_stdout

        flush_stdout()
        return done.exit_code
    except click.exceptions.NoArgsIsHelpError as shown:
        from weightmark.cli.streams import say

        say(f"{shown.message}\n")
        return _USAGE
    raise RuntimeError(f"the command `{' '.join(args[:2])}` ended without an answer")


def _report(error: BaseException, args: Sequence[str], meta: dict[str, Any]) -> int:
    from weightmark.cli import failures
    from weightmark.cli.console import CONSOLE_META

    console: Console = meta.get(CONSOLE_META) or failures.early_console(args)
    known = _known(error)
    if known is None:
        return failures.report_bug(error, console)
    return failures.report_error(known, console)


def _known(error: BaseException) -> "WeightmarkError | None":
    """Return the error of our tree that says what happened; None for a bug."""
    from weightmark.cli.failures import call_error
    from weightmark.errors import LimitError, WeightmarkError, read_failure

    if isinstance(error, WeightmarkError):
        return error
    if isinstance(error, click.ClickException):
        return call_error(error)
    if isinstance(error, OSError):
        return read_failure(error.filename or _unnamed_place(error), error)
    if isinstance(error, MemoryError):
        return LimitError("out of memory", fix="run it where more memory is free")
    return None


def _unnamed_place(error: OSError) -> str:
    """Name what failed when the system does not: only stdout is written without a name."""
    from weightmark.cli.streams import stdout_is_broken

    full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    return "stdout" if full or stdout_is_broken() else "input or output"


if __name__ == "__main__":
    sys.exit(main())
