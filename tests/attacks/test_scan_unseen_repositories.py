"""Repository files that were written against the scanner as it stood."""

import json

import pytest

from tests.attacks.scan_builders import scan
from weightmark.errors import Exit
from weightmark.scanners.scan import ScanReport, Severity


def document(name: str, value: object) -> tuple[str, bytes]:
    return name, json.dumps(value).encode()


def templated(source: str) -> tuple[str, bytes]:
    return document("tokenizer_config.json", {"chat_template": source})


UNSEEN: dict[str, tuple[str, bytes]] = {
    "adapter imports a parallel core": document("adapter_config.json", {"peft_type": "LORA", "megatron_config": {}, "megatron_core": "evil_module"}),
    "modular pipeline loads a component from elsewhere": document("modular_model_index.json", {"_class_name": "ModularPipeline", "_diffusers_version": "0.35", "unet": ["evil_module", "Net", {"repo": "evil/x"}]}),
    "kernel for one of the parts": document("config.json", {"model_type": "x", "text_config": {"attn_implementation": "evil/kernel:f"}}),
    "kernels for each part": document("config.json", {"model_type": "x", "_attn_implementation": {"text": "evil/kernel", "vision": "sdpa"}}),
    "router of sentence modules": document("router_config.json", {"types": {"query_0_X": "evil_module.X"}, "structure": {"query": ["query_0_X"]}, "parameters": {}}),
    "arguments of a sentence model": document("sentence_bert_config.json", {"max_seq_length": 9, "config_args": {"trust_remote_code": "true"}}),
    "arguments that say yes": document("sentence_bert_config.json", {"max_seq_length": 9, "tokenizer_args": {"trust_remote_code": "yes"}}),
    "rows of a saved dataset": document("state.json", {"_data_files": [{"filename": "../../../secret.arrow"}], "_fingerprint": "x", "_format_type": None}),
    "template beside the tokenizer": ("additional_chat_templates/tool_use.jinja", b"{{ x['__cla' ~ 'ss__'] }}"),
    "template under another key": document("processor_config.json", {"chat_template": {"a": {"b": "{{ ''.__class__ }}"}}}),
    "template with a block set": templated("{% set a %}__class__{% endset %}{{ x[a] }}"),
    "template in a loop over parts": templated("{% for p in ['__class__'] %}{{ x[p] }}{% endfor %}"),
    "template with a default argument": templated("{% macro f(a='__class__') %}{{ x[a] }}{% endmacro %}{{ f() }}"),
    "template passes a dunder on": templated("{% macro f(a) %}{{ x[a] }}{% endmacro %}{{ f('__class__') }}"),
    "template with a local name": templated("{% with a = '__class__' %}{{ x[a] }}{% endwith %}"),
    "template formats by position": templated("{{ '{0.__init__}'.format(x) }}"),
    "template formats a mapping": templated("{{ '{a.__class__}'.format_map({'a': x}) }}"),
    "hydra loads a pickle": ("config.yaml", b"model:\n  _target_: torch.load\n  f: x.pt\n  weights_only: false\n"),
    "hydra loads from the hub": ("config.yaml", b"model:\n  _target_: torch.hub.load\n  repo_or_dir: evil/x\n  model: m\n"),
    "hydra gets any object": ("config.yaml", b"model:\n  _target_: hydra.utils.get_method\n  path: os.system\n"),
    "hydra trusts remote code": ("config.yaml", b"model:\n  _target_: transformers.AutoModel.from_pretrained\n  trust_remote_code: true\n"),
    "hydra in a list": ("config.yaml", b"callbacks:\n- a: 1\n- _target_: builtins.exec\n  _args_: ['echo x']\n"),
    "jsonpickle by its class": document("x.json", {"py/object": "subprocess.Popen", "args": "echo x"}),
    "jsonpickle by its text": document("x.json", {"a": [{"py/repr": "os/os.system('echo x')"}]}),
    "a pickle outside of an MLflow model": ("MLmodel", b"flavors:\n  sklearn:\n    pickled_model: ../../x.pkl\n  python_function:\n    loader_module: mlflow.sklearn\n    model_path: ../../x.pkl\n"),
    "code of a chain": ("MLmodel", b"flavors:\n  langchain:\n    model_code_path: chain.py\n  python_function:\n    loader_module: mlflow.langchain\n"),
    "a second document of a configuration": ("config.yaml", b"a: 1\n---\na: !!python/object/new:subprocess.Popen [echo x]\n"),
    "a tag by an alias": ("hparams.yaml", b"x: &a !!python/name:os.system ''\ny: *a\n"),
    "site hook in the root": ("sitecustomize.py", b"import os\nos.system('echo x')\n"),
    "conversion script of a dataset": ("my_data.py", b"import datasets as d\nclass S(d.GeneratorBasedBuilder):\n    pass\n"),
    "settings of a submodule": (".gitmodules", b'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c x\n'),
    "submodule that is an option": (".gitmodules", b'[submodule "x"]\n\tpath = x\n\turl = -u./payload\n'),
    "filter through attributes": (".git/config", b'[filter "x"]\n\tsmudge = ./run\n'),
    "adapter of a remote class": document("adapter_config.json", {"peft_type": "LORA", "auto_mapping": {"base_model_class": "X", "parent_library": "evil.module"}}),
    "tokenizer of another module": document("tokenizer_config.json", {"tokenizer_class": "evil.module.Tokenizer", "bos_token": "x"}),
    "index to a shard by a URL": document("diffusion_pytorch_model.safetensors.index.json", {"weight_map": {"a": "http://example.com/x.safetensors"}}),
    "index to a shard in the home folder": document("model.safetensors.index.json", {"weight_map": {"a": "~/x.safetensors"}}),
    "weights of an image model at a URL": document("config.json", {"architecture": "vit", "pretrained_cfg": {"custom_load": True, "file": "../../x.npz"}}),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSEEN)
def test_repository_file_that_no_other_test_has_is_refused(case: str) -> None:
    name, data = UNSEEN[case]
    found = scan(data, name=name)
    assert ScanReport.of([found]).exit(Severity.HIGH) is Exit.BAD, found
