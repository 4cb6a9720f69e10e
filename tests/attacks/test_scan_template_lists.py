"""Templates that put a name together inside a list or dict, reached under another name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.scan_builders import scan
from weightmark.scanners.scan import Outcome

PARTS = "{% set _ = NAME.append('__cla') %}{% set _ = NAME.append('ss__') %}"
READ = "{{ x[l|join] }}"


def filled(name: str, before: str = "{% set l = [] %}", after: str = READ) -> str:
    return before + PARTS.replace("NAME", name) + after


TEMPLATES = {
    "an alias": filled("m", "{% set l = [] %}{% set m = l %}"),
    "an alias of an alias": filled("n", "{% set l = [] %}{% set m = l %}{% set n = m %}"),
    "one of two values": filled("m", "{% set l = [] %}{% set m = l or 1 %}"),
    "a conditional": filled("(l if true else l)"),
    "an item of a list": filled("m[0]", "{% set l = [] %}{% set m = [l] %}"),
    "the first of a list": filled("([l]|first)"),
    "a value of a dict": filled("m['z']", "{% set l = [] %}{% set m = {'z': l} %}"),
    "a field of a dict": filled("m.z", "{% set l = [] %}{% set m = dict(z=l) %}"),
    "a field of a namespace": filled(
        "b", "{% set ns = namespace(a=[]) %}{% set b = ns.a %}", "{{ x[ns.a|join] }}"
    ),
    "a namespace filled by a dict": filled(
        "ns.q", "{% set l = [] %}{% set ns = namespace(**{'q': l}) %}"
    ),
    "parts of a tuple": filled("a", "{% set l = [] %}{% set m = (l, 1) %}{% set a, b = m %}"),
    "a loop variable": "{% set l = [] %}{% for m in [l] %}"
    + filled("m", "", "{% endfor %}" + READ),
    "one of two loop variables": "{% set l = [] %}{% for k, m in [(1, l)] %}"
    + filled("m", "", "{% endfor %}" + READ),
    "a recursive loop": "{% set l = [] %}{% for m in [1] recursive %}{{ loop(l) }}"
    + filled("m", "", "{% endfor %}" + READ),
    "a parameter of a macro": "{% set l = [] %}{% macro f(m) %}"
    + filled("m", "", "{% endmacro %}{{ f(l) }}" + READ),
    "a parameter of a call block": "{% set l = [] %}{% macro g() %}{{ caller(l) }}{% endmacro %}"
    + filled("m", "{% call(m) g() %}", "{% endcall %}" + READ),
    "a with block": "{% set l = [] %}{% with m = l %}" + filled("m", "", "{% endwith %}" + READ),
    "a cycler": filled("c.next()", "{% set l = [] %}{% set c = cycler(l) %}"),
    "a list in a list that was appended": filled(
        "m[0]", "{% set l = [] %}{% set m = [] %}{% set _ = m.append(l) %}"
    ),
    "a value that was set by default": filled(
        "m.get('a')", "{% set l = [] %}{% set m = {} %}{% set _ = m.setdefault('a', l) %}"
    ),
    "a method under a name": "{% set l = [] %}{% set f = l.append %}"
    "{% set _ = f('__cla') %}{% set _ = f('ss__') %}" + READ,
    "a method in a list": "{% set l = [] %}{% for f in [l.append] %}"
    "{% set _ = f('__cla') %}{% set _ = f('ss__') %}{% endfor %}" + READ,
    "methods by `map`": "{% set l = [] %}{% for f in [l]|map(attribute='append') %}"
    "{% set _ = f('__cla') %}{% set _ = f('ss__') %}{% endfor %}" + READ,
    "a method as an item": "{% set l = [] %}{% set _ = l['append']('__cla') %}"
    "{% set _ = l['append']('ss__') %}" + READ,
    "a method by `attr`": "{% set l = [] %}{% set _ = (l|attr('append'))('__cla') %}"
    "{% set _ = (l|attr('append'))('ss__') %}" + READ,
    "a list that is turned around": "{% set l = ['ss__', '__cla'] %}{% set _ = l.reverse() %}"
    + READ,
    "a list that is sorted": "{% set l = ['ss__', '__cla'] %}{% set _ = l.sort() %}" + READ,
    "a list that loses items": "{% set l = ['__cla', 'x', 'ss__'] %}{% set _ = l.remove('x') %}"
    + READ,
    "a list that begins empty": "{% set l = [] %}{{ x|attr(l|first) }}{% set _ = l.append(y ~ z) %}",
}


@pytest.mark.parametrize("case", TEMPLATES)
def test_name_put_together_under_another_name(case: str) -> None:
    found = scan(TEMPLATES[case].encode(), name="chat_template.jinja")
    assert {"TPL001", "TPL003"} & {finding.rule for finding in found.findings}, found


BLOCKS = {
    "a block of text": "{% set a %}__class__{% endset %}{{ x|attr(a) }}",
    "a block as an item": "{% set a %}__class__{% endset %}{{ x[a] }}",
    "a block in an attribute filter": "{% set a %}__class__{% endset %}{{ [x]|map(attribute=a)|list }}",
    "a macro": "{% macro m() %}__class__{% endmacro %}{{ x[m()] }}",
    "a filter block": "{% set a %}{% filter upper %}__class__{% endfilter %}{% endset %}{{ x[a] }}",
    "what a block calls": "{% macro m() %}{{ x[caller()] }}{% endmacro %}{% call m() %}__class__{% endcall %}",
}


@pytest.mark.parametrize("case", BLOCKS)
def test_name_that_is_written_as_text_between_blocks(case: str) -> None:
    found = scan(BLOCKS[case].encode(), name="chat_template.jinja")
    assert {"TPL001", "TPL003"} & {finding.rule for finding in found.findings}, found


HONEST = {
    "text with underscores": "__START__ {{ x }} def __init__(self): pass",
    "a list of words": "{% set l = [] %}{% for m in messages %}"
    "{% set _ = l.append(m['role'] ~ ': ' ~ m['content']) %}{% endfor %}{{ l|join('\n') }}",
    "items of the data": "{% for t in tools %}{% for k in t %}{{ k }}: {{ t[k] }}{% endfor %}{% endfor %}",
    "the rest of the messages": "{% set rest = messages[1:] %}{% set first = rest.pop(0) %}"
    "{% for m in rest %}{{ m[first['role']] }}{% endfor %}",
    "the first of nothing": "{{ []|first }}{{ ''|last }}{{ []|join }}",
}


@pytest.mark.parametrize("case", HONEST)
def test_lists_of_honest_templates_are_no_finding(case: str) -> None:
    found = scan(HONEST[case].encode(), name="chat_template.jinja")
    assert (found.outcome, found.findings) == (Outcome.CLEAN, ())


_PIECES = st.sampled_from(
    [
        "[]",
        "l",
        "m",
        "''",
        "x",
        "|first",
        "|last",
        "|join",
        "[0]",
        ".pop()",
        "(l)",
        " ~ 'a'",
        "[1:]",
    ]
)


@given(st.lists(_PIECES, max_size=8))
def test_any_expression_ends_in_an_answer(pieces: list[str]) -> None:
    source = "{% set l = [] %}{% set m = " + "".join(pieces) + " %}{{ x[m] }}"
    scan(source.encode(), name="chat_template.jinja")
