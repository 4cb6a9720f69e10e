"""Generate docs/reference/exit-codes.md from ``weightmark.errors``: the enum and the tree of errors."""

import ast
import inspect
import itertools

from generated import ROOT, settle

from weightmark import errors, exits

PAGE = ROOT / "docs/reference/exit-codes.md"
INTRO = """\
# Exit codes and errors

*Generated from `weightmark/errors.py` by `make generate`.*

Every command ends with one of these codes. When several apply, the worst wins: 1 over 4 over 3.
"Nothing verified" is never 0, and what is *unsupported* is never called *tampered*.
"""


def meanings() -> dict[str, str]:
    """Return the text under each member of `Exit`, by its name."""
    (body,) = (
        node.body
        for node in ast.parse(inspect.getsource(exits)).body
        if isinstance(node, ast.ClassDef) and node.name == "Exit"
    )
    found: dict[str, str] = {}
    for member, text in itertools.pairwise(body):
        if isinstance(member, ast.Assign) and isinstance(text, ast.Expr):
            (name,) = (target.id for target in member.targets if isinstance(target, ast.Name))
            found[name] = str(ast.literal_eval(text.value))
    return found


def code_table() -> str:
    """Return the table of exit codes."""
    texts = meanings()
    rows = [f"| {code.value} | {texts[code.name]} |" for code in errors.Exit]
    return "\n".join(["| code | meaning |", "|---|---|", *rows])


def error_table() -> str:
    """Return the table of error codes."""
    rows = []
    for code, cls in errors.error_catalogue().items():
        first = inspect.getdoc(cls) or ""
        said = " ".join(first.split("\n\n")[0].split())
        rows.append(f"| `{code}` | {cls.exit.value} | {said} |")
    return "\n".join(["| error | exit | when |", "|---|---|---|", *rows])


def page() -> str:
    """Return the whole page."""
    explain = "`weightmark explain CODE` prints what an error means, without a network."
    return f"{INTRO}\n{code_table()}\n\n## Errors\n\n{explain}\n\n{error_table()}\n"


if __name__ == "__main__":
    settle(PAGE, page(), str(__doc__))
