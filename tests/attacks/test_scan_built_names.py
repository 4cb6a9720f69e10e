"""Names that templates put together in roundabout ways, and configurations spelled past a search."""

import json

import pytest

from tests.attacks.scan_builders import scan
from weightmark.errors import Exit
from weightmark.scanners.findings import FileScan
from weightmark.scanners.scan import Outcome, ScanReport, Severity


def is_refused(found: FileScan) -> bool:
    return ScanReport.of([found]).exit(Severity.HIGH) is Exit.BAD


BUILT = {
    "tuple": "{% set a,b='__in','it__' %}{{ X[a+b] }}",
    "nested tuple": "{% set a,(b,c)='__in',('i','t__') %}{{ X[a+b+c] }}",
    "block sets": "{% set a %}__in{{''}}it__{% endset %}{{ X[a|string] }}",
    "parts of a loop": "{% for x in ['_'] %}{{ X[x*2+'init'+x*2] }}{% endfor %}",
    "fields of a dict": "{% set k={'a':'__in','b':'it__'} %}{{ X[k.a+k.b] }}",
    "tuple of a loop": "{% for a,b in [('__in','it__')] %}{{ X[a+b] }}{% endfor %}",
    "macro": "{% macro a() %}__in{{''}}it__{% endmacro %}{{ X[a()|string] }}",
    "call block": "{% macro m() %}{{ caller('__in') }}{% endmacro %}{% call(a) m() %}{{ X[a+'it__'] }}{% endcall %}",
    "split": "{% set p='__in|it__'.split('|') %}{{ X[p[0]+p[1]] }}",
    "split without underscores": "{% set u='_a_a'.split('a') %}{% set w=u[0]+u[1] %}{{ X[w+'init'+w] }}",
    "with": "{% with a='__in',b='it__' %}{{ X[a+b] }}{% endwith %}",
    "with hides a set": "{% set a='no' %}{% with a='__in' %}{{ X[a+'it__'] }}{% endwith %}",
    "parameter": "{% macro f(a, b) %}{{ X[a+b] }}{% endmacro %}{{ f('__in', 'it__') }}",
    "named parameter": "{% macro f(a, b='it__') %}{{ X[a+b] }}{% endmacro %}{{ f(a='__in') }}",
    "macro by another name": "{% macro f(a) %}{{ X[a] }}{% endmacro %}{% set g=f %}{{ g('__in'+y) }}",
    "unpacked arguments": "{% macro f(a) %}{{ X[a] }}{% endmacro %}{{ f(*[k.a+k.b]) }}",
    "spread arguments": "{% macro f() %}{{ X[varargs[0]] }}{% endmacro %}{{ f(k.a+k.b) }}",
    "another name of a namespace": "{% set ns=namespace(b='no') %}{% set o=ns %}{% set o.b='__in' %}{{ X[ns.b+'it__'] }}",
    "namespace of a dict": "{% set ns=namespace({'b':'__in'}) %}{{ X[ns.b+'it__'] }}",
    "joined field": "{{ X[[{'a':'__in'},{'a':'it__'}]|join('', attribute='a')] }}",
    "format with a mapping": "{{ X['{a}{b}'.format(**k)] }}",
    "format with a conversion": "{{ X['{!s}{!s}'.format('__in','it__')] }}",
    "names of a mapping": "{{ X[dict(**k)|list|join] }}",
    "trimmed letters": "{{ X['agi_framea'|trim('a')] }}",
    "many pieces": "{{ X[" + " ~ ".join(["''"] * 300 + ["'__in'", "'it__'"]) + "] }}",
    "many items": "{{ X[[" + ",".join(["''"] * 300 + ["'__in'", "'it__'"]) + "]|join] }}",
    "special token": "{{ X[eos_token] }}",
    "special token that is set where nothing runs": "{% if false %}{% set eos_token='a' %}{% endif %}{{ X[eos_token] }}",
    "special token that is set to itself": "{% set eos_token=eos_token %}{{ X[eos_token] }}",
    "cut text": "{{ X['a_gi_frame_b'[y:z]] }}",
    "text of a function": "{% set t=(X.format_map|string) %}{{ X[t[20]+t[20]+t[3:7]+t[20]*2] }}",
    "unequal ways through a loop": "{% set b=a %}{% for x in y %}{% set a=b %}{% set b=a or ('__in'~y) %}{% endfor %}{{ X[a] }}",
    "choice": "{{ X[(a+b) if y else 'role'] }}",
    "alternative": "{{ X[y or a+b] }}",
    "default": "{{ X[y|default(a+b)] }}",
    "get": "{{ X[{}.get('a', a+b)] }}",
    "recursive loop": "{% for x in ['a'] recursive %}{{ X[x] }}{{ loop(['__in'~y]) }}{% endfor %}",
    "stored in a dict": "{% set d={} %}{% do d.update({'a': '__in'~y}) %}{{ X[d.a] }}",
    "stored in a list": "{% set l=[] %}{% do l.append('__in'~y) %}{% for k in l %}{{ X[k] }}{% endfor %}",
    "stored where a text stood": "{% set l=['role'] %}{{ l.insert(0, '__in'~y) }}{{ X[l[0]] }}",
    "stored in a field": "{% set ns=namespace(l=[]) %}{% set z=ns.l.append('__in'~y) %}{{ X[ns.l[0]] }}",
    "filter over attributes": "{{ [X]|map(attribute=k.a+k.b)|list }}",
    "filter with unpacked arguments": "{{ [X]|map(*k)|list }}",
    "filter with a mapping": "{{ [X]|map(**k)|list }}",
}  # fmt: skip


@pytest.mark.parametrize("case", BUILT)
@pytest.mark.parametrize("owner", ["cycler", "''", "messages"])
def test_name_that_the_template_puts_together_is_found(case: str, owner: str) -> None:
    text = BUILT[case].replace("X", owner)
    assert is_refused(scan(text.encode(), name="chat_template.jinja")), text


@pytest.mark.parametrize(
    "text", ["{{ cycler[y] }}", "{{ joiner[messages[0].x] }}", "{{ self[0] }}"]
)
def test_any_item_of_a_powerful_global_is_found(text: str) -> None:
    assert {f.rule for f in scan(text.encode(), name="a.jinja").findings} == {"TPL001"}


@pytest.mark.parametrize(
    "text",
    [
        "{% set a0='x' %}" + "".join(f"{{% set a{i+1}=a{i}+a{i} %}}" for i in range(3000)) + "{{ y[a3000] }}",
        "".join(f"{{% set a{i}=a{i+1} if z else y %}}" for i in range(3000)) + "{% set a3000='b'~y %}{{ y[a0] }}",
        "".join(f"{{% set a{i}=a{i+1} %}}" for i in range(3000)) + "{% set a3000='b'~y %}{{ y[a0] }}",
    ],
)  # fmt: skip
def test_chains_of_names_are_never_clean(text: str) -> None:
    found = scan(text.encode(), name="a.jinja")
    assert is_refused(found) or found.outcome is Outcome.UNCHECKED


@pytest.mark.parametrize("text", ["{{ y[x" + "|first" * 300 + "] }}", "{{ y[" + "(a if b else " * 60 + "c" + ")" * 60 + "] }}"])  # fmt: skip
def test_deep_expressions_cost_little(text: str) -> None:
    assert scan(text.encode(), name="a.jinja").outcome in {Outcome.CLEAN, Outcome.UNCHECKED}


YAML = {
    "apply": b'a: !apply:os.system ["echo x"]\n',
    "new": b"a: !new:os.system\n  - echo x\n",
    "name": b"a: !name:os.system\n",
    "module": b"a: !module:os\n",
    "local class": b"a: !new:custom.Model\n",
    "class behind a library": b"a: !new:speechbrain.utils.superpowers.subprocess.Popen [echo x]\n",
    "import of a path": b"a: !apply:speechbrain.utils.superpowers.import_from_path [x.py]\n",
    "loss that is a module's": b"a: !apply:speechbrain.nnet.losses.os.system [echo x]\n",
    "tag directive": b"%TAG !e! !app\n---\na: !e!ly:os.system [echo x]\n",
    "escaped tag": b"a: !<%21apply:os.system> [echo x]\n",
    "class behind Hydra's library": b"m:\n  _target_: torch.utils.collect_env.subprocess.Popen\n  args: echo x\n",
    "quoted target": b'model: {"target": "os.system", "params": {"command": "echo x"}}\n',
    "target and a space": b"model:\n  target : os.system\n  params:\n    command: echo x\n",
    "target and an anchor": b"model:\n  target: &a os.system\n  params: {command: echo x}\n",
    "target by a complex key": b"model:\n  ? target\n  : os.system\n  params: {}\n",
    "target on the next line": b"model:\n  target:\n    os.system\n  params: {}\n",
    "folded key": b'model:\n  ? "_tar\\\n    get_"\n  : os.system\n  command: echo x\n',
}  # fmt: skip


@pytest.mark.parametrize("case", YAML)
@pytest.mark.parametrize("padding", [0, 2_000_000])
def test_yaml_that_imports_a_name_is_found(case: str, padding: int) -> None:
    data = YAML[case] + b"# " + b"x" * padding + b"\n"
    assert is_refused(scan(data, name="hyperparams.yaml"))


LONG = {
    "tokenizer_config.json": {"tokenizer_class": "evil.module.Tokenizer"},
    "state.json": {"_data_files": [{"filename": "../../x.arrow"}]},
    "modules.json": [{"idx": 0, "name": "0", "path": "", "type": "os.system"}],
    "model_index.json": {"unet": ["evil", "Net"]},
    "MAR-INF/MANIFEST.json": {"model": {"handler": "run.py"}},
    "router_config.json": {"types": {"query": "os.system"}},
    "other.json": {"model": {"target": "os.system", "params": {}}},
    "adapter_config.json": {"peft_type": "LORA", "megatron_core": "evil"},
    "timm.json": {"pretrained_cfg": {"file": "../../x.npz"}},
    "layer.json": {"name": "x", "vocabulary": "/etc/passwd"},
    "nemo.json": {"target": "os.system", "nemo_version": "1"},
    "tokens.json": {"tokenizer_class": "evil.module.Tokenizer"},
}


@pytest.mark.parametrize("name", LONG)
def test_long_document_hides_no_key(name: str) -> None:
    found = scan(json.dumps(LONG[name]).encode() + b" " * 3_000_000, name=name)
    assert is_refused(found), found


def test_escaped_slash_hides_no_jsonpickle() -> None:
    data = b'{"py\\/object": "subprocess.Popen", "args": "echo x"}' + b" " * 3_000_000
    assert is_refused(scan(data, name="x.json"))
