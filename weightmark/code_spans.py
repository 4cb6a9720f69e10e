"""Text that others wrote, as code spans of Markdown: mentions, links, images, HTML and emphasis are shown as text."""

from weightmark.visible import visible

__all__ = ["code_span", "table_cell"]


def code_span(text: str) -> str:
    """Return a code span, with a fence longer than any run of backticks in the text; empty for no text."""
    shown = visible(text).strip()
    if not shown:
        return ""
    fence = "`"
    while fence in shown:
        fence += "`"
    pad = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def table_cell(text: str) -> str:
    r"""Return a code span for a table, which splits cells at `|` even there, but not at `\|`.

    A backslash right before the bar would be taken for the escape, so it becomes another sign.
    """
    return code_span(text.replace("\\|", "\N{REVERSE SOLIDUS OPERATOR}|")).replace("|", "\\|")
