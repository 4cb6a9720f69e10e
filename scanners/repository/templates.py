"""Chat templates: parsed, never rendered, and judged by the names that they reach.

Text that a template builds is folded as far as it is constant, so that `'__cla' ~ 'ss__'` counts
as the name it becomes.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from weightmark.patterns import lazy_pattern
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import over_limit
from weightmark.scanners.repository.folding import Folder
from weightmark.scanners.repository.template_names import POWERFUL_GLOBALS, TemplateNames
from weightmark.scanners.repository.template_origins import Origin, Origins

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import Environment, nodes

__all__ = ["report_template", "report_token"]

_SHOWN = 120
_REACHING = lazy_pattern(
    r"__\w+__|\b(?:func|gi|cr|ag|f|tb|co)_(?:globals|code|frame|back|builtins)\b"
)
_ATTRIBUTE_FILTERS = frozenset(
    [
        "attr",
        "groupby",
        "join",
        "map",
        "max",
        "min",
        "rejectattr",
        "selectattr",
        "sort",
        "sum",
        "unique",
    ]
)
"""filters that look up an attribute which an argument names; the first one of `join` is a separator"""


def report_template(template: str, pointer: str, place: Place, examination: Examination) -> None:
    """Report what one template reaches beyond its data.

    `pointer` names it in details. A template that does not parse is a problem, not clean.
    Raises `LimitError` when it is too long or nested too deeply.
    """
    from jinja2 import TemplateError

    limit = examination.limits.template
    if len(template) > limit:
        raise over_limit("template", f"the template `{pointer}` is over {limit} characters")
    try:
        check_time = examination.budget.check_time
        tree = _environment(check_time).parse(template)
        names = TemplateNames(tree, check_time)
        _Judge(pointer, place, examination, names).judge(tree)
    except RecursionError as error:
        raise over_limit("nesting", f"the template `{pointer}` is nested too deeply") from error
    except (TemplateError, ValueError) as error:
        reason = str(error)[:_SHOWN]
        examination.problem(f"the template `{pointer}` cannot be parsed: {reason}", place)


def report_token(text: str, pointer: str, place: Place, examination: Examination) -> None:
    """Report a special token that is the name of what templates must not reach.

    Tokenizers hand their tokens to the template, which may use one as a key.
    """
    if _REACHING.fullmatch(text):
        examination.find("TPL001", place, detail=f"`{pointer[:_SHOWN]}`: {text[:_SHOWN]}")


class _Judge:
    """Looks at each node of one template."""

    def __init__(
        self, pointer: str, place: Place, examination: Examination, names: TemplateNames
    ) -> None:
        self._pointer = pointer
        self._place = place
        self._examination = examination
        self._folder = Folder(names)
        self._names = names

    @cached_property
    def _origins(self) -> Origins:
        """Follow the names only where a key asks for it."""
        return Origins(self._names, self._folder)

    def judge(self, tree: "nodes.Template") -> None:
        from jinja2 import nodes

        for node in tree.find_all(nodes.Node):
            self._names.check_time()
            if isinstance(node, nodes.Include | nodes.Import | nodes.FromImport | nodes.Extends):
                self._find("TPL002", node, type(node).__name__.lower())
            elif isinstance(node, nodes.Getattr):
                self._name(node, node.attr)
                self._powerful(node, node.node)
            elif isinstance(node, nodes.Getitem):
                self._item(node)
                self._powerful(node, node.node)
            elif isinstance(node, nodes.Filter | nodes.Test):
                self._filter(node)
            elif isinstance(node, nodes.Name):
                self._name(node, node.name)
            elif isinstance(node, nodes.Keyword):
                self._name(node, node.key)
            elif isinstance(node, nodes.Expr) and not isinstance(node, nodes.TemplateData):
                self._text(node)

    def _item(self, node: "nodes.Getitem") -> None:
        from jinja2 import nodes

        value = self._folder.fold(node.arg)
        if isinstance(value, str):
            self._name(node, value)
        elif not isinstance(node.arg, nodes.Slice) and self._origins.of(node.arg) is Origin.BUILT:
            self._find("TPL003", node, "an item whose name is put together")

    def _filter(self, node: "nodes.Filter | nodes.Test") -> None:
        if node.name not in _ATTRIBUTE_FILTERS:
            return
        first = 1 if node.name == "join" else 0
        arguments = [*node.args[first:], *(pair.value for pair in node.kwargs)]
        for argument in arguments:
            value = self._folder.fold(argument)
            if isinstance(value, str):
                self._name(node, value)
            elif node.name == "attr" or self._origins.of(argument) is Origin.BUILT:
                self._find("TPL003", node, f"the argument of `{node.name}`")
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            self._find("TPL003", node, f"the arguments of `{node.name}`")

    def _text(self, node: "nodes.Expr") -> None:
        value = self._folder.fold(node)
        if isinstance(value, str) and _REACHING.search(value):
            self._find("TPL001", node, value)

    def _name(self, node: "nodes.Node", name: str) -> None:
        if any(_REACHING.search(part) for part in name.split(".")) or name.startswith("__"):
            self._find("TPL001", node, name)

    def _powerful(self, node: "nodes.Node", owner: "nodes.Node") -> None:
        from jinja2 import nodes

        if isinstance(owner, nodes.Name) and owner.name in POWERFUL_GLOBALS:
            attribute = node.attr if isinstance(node, nodes.Getattr) else "[…]"
            if owner.name not in {"cycler", "joiner"} or attribute[:1] in {"_", "["}:
                self._find("TPL001", node, f"{owner.name}.{attribute}")

    def _find(self, rule: str, node: "nodes.Node", said: str) -> None:
        shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in said[:_SHOWN])
        detail = f"`{self._pointer}`, line {node.lineno}: {shown}"
        self._examination.find(rule, self._place, detail=detail)


def _environment(check_time: "Callable[[], None]") -> "Environment":
    """Return the environment of transformers' chat templates, for its parser only.

    `check_time` is called for each token.
    """
    from jinja2 import Environment, nodes
    from jinja2.ext import Extension

    class Clock(Extension):
        """Ends the parsing of a template that takes too long."""

        def filter_stream(self, stream: Any) -> Any:
            for token in stream:
                check_time()
                yield token

    class Generation(Extension):
        """The `generation` block that marks what an assistant said."""

        tags = {"generation"}  # noqa: RUF012 - jinja2 declares an instance variable

        def parse(self, parser: Any) -> nodes.Node:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body).set_lineno(line)

    extensions: list[str | type[Extension]] = [
        "jinja2.ext.loopcontrols",
        "jinja2.ext.do",
        Clock,
        Generation,
    ]
    return Environment(extensions=extensions, autoescape=False)  # noqa: S701 - nothing is rendered
