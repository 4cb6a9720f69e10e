"""What configures the judge lies outside of what is judged."""

import os
from pathlib import Path

from weightmark.errors import CallError

__all__ = ["require_outside"]


def require_outside(
    artifact: Path,
    path: Path,
    what: str,
    *,
    error: type[CallError] = CallError,
    where: str = "inside the artifact",
) -> None:
    """Refuse what configures the judge and lies inside the artifact being judged; raises `error`.

    `what` and `where` are the words for it.
    """
    root = os.path.realpath(artifact)
    named = os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118 - the last component is not resolved
    for place in (named, os.path.realpath(path)):
        if os.path.commonpath([root, place]) == root:
            raise error(
                f"{what} `{path}` lies {where}",
                why="an artifact can't say by which rules it is judged",
                fix="keep it elsewhere, where the publisher of the artifact can't write",
            )
