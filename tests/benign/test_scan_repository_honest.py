"""Honest repositories stay quiet: configurations, tokenizers, templates, indexes, plain scripts."""

import json
import struct
from pathlib import Path

import pytest

from tests.attacks.scan_builders import safetensors, scan
from weightmark.errors import Exit
from weightmark.scanners.scan import Outcome, Severity
from weightmark.scanners.tree import scan_artifact

TEMPLATE = """{%- if tools %}{{ '<tools>' }}{% for tool in tools %}{{ tool | tojson(indent=4) }}{% endfor %}{% endif %}
{%- set ns = namespace(system='', found=false) %}{% for message in messages %}
{%- if message['role'] == 'system' and not loop.first %}{{ raise_exception('System comes first') }}{% endif %}
{%- set ns.system = message.content %}{% if '</think>' in message.content %}
{%- set content = message.content.split('</think>')[-1].lstrip('\\n') %}{% endif %}
{{- '<|' + message['role'] + '|>' + message['content'] | trim }}{% generation %}{{ messages[loop.index0 - 1].role }}
{%- endgeneration %}{% for key, value in message.items() if key not in ['a'] %}{{ message[key] }}{% endfor %}
{%- if loop.last %}{% break %}{% endif %}{% endfor %}{% macro show(x) %}{{ x.name | default('y') }}{% endmacro %}
{{- show(messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list) }}{{ strftime_now('%d %b %Y') }}
{%- for c in messages | map(attribute='content') %}{{ bos_token ~ c }}{% endfor %}{{ messages[1:][0]['role'] }}"""

CONFIGURATIONS = {
    "config.json": {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "activation_function": "gelu_new", "torch_dtype": "float16", "_attn_implementation": "sdpa", "_name_or_path": "/home/somebody/llama", "auto_map": {}, "trust_remote_code": False},
    "generation_config.json": {"bos_token_id": 1, "eos_token_id": [2, 3], "transformers_version": "4.50"},
    "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "model_max_length": 1000000000000000019884624838656, "tokenizer_file": "/root/.cache/x", "chat_template": TEMPLATE},
    "special_tokens_map.json": {"bos_token": {"content": "<s>", "lstrip": False}},
    "preprocessor_config.json": {"image_processor_type": "CLIPImageProcessor", "do_normalize": True},
    "model.safetensors.index.json": {"metadata": {"total_size": 8}, "weight_map": {"a.b": "model-00001-of-00002.safetensors", "c": "sub/model.safetensors"}},
    "modules.json": [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}, {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}, {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.base.models.Normalize"}],
    "1_Pooling/config.json": {"word_embedding_dimension": 384, "pooling_mode_mean_tokens": True},
    "2_Dense/config.json": {"in_features": 3, "activation_function": "torch.nn.modules.activation.Tanh"},
    "model_index.json": {"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.30.0", "unet": ["diffusers", "UNet2DConditionModel"], "text_encoder": ["transformers", "CLIPTextModel"], "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"], "image_encoder": [None, None], "force_zeros": True},
    "unet/config.json": {"_class_name": "UNet2DConditionModel", "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"], "_diffusers_version": "0.30.0"},
    "adapter_config.json": {"peft_type": "LORA", "base_model_name_or_path": "meta/llama", "auto_mapping": {"base_model_class": "X", "parent_library": "transformers.models.roberta.modeling_roberta"}, "target_modules": ["q_proj"]},
    "keras.json": {"module": "keras", "class_name": "Sequential", "config": {"layers": [{"module": "keras.layers", "class_name": "Dense", "config": {"activation": {"module": "keras.activations", "class_name": "function", "config": "relu"}, "kernel_initializer": {"module": "keras.initializers", "class_name": "GlorotUniform", "config": {}}, "f": {"module": "builtins", "class_name": "function", "config": "my_loss"}}}]}},
    "hydra.json": {"model_type": "x", "optim": {"_target_": "torch.optim.AdamW", "lr": 0.1}},
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_honest_configuration_is_checked_and_clean(name: str) -> None:
    found = scan(json.dumps(CONFIGURATIONS[name], indent=2).encode(), name=name)
    assert (found.outcome, found.formats) == (Outcome.CLEAN, ("json-config",)), found
    assert {finding.rule for finding in found.findings} <= {"REP004", "REP007"}


OTHERS = {
    "README.md": b"# Model\n\nNeeds `trust_remote_code=True` and auto_map.\n",
    "modeling_x.py": b"import os\nclass X: pass\n",
    "handler.py": b"# nothing here\n",
    "vocab.json": b'{"a": 0, "auto_map": 1, "b": 2}',
    "train.jsonl": b'{"auto_map": 1}\n{"a": 2}\n',
    "args.yaml": b"a: 1\ntags: [!!python/tuple [1, 2]]\n",
    "conda.yaml": b"channels:\n- x\ndependencies:\n- python=3.11\n- pip:\n  - torch!=2.0\n",
    "notes.txt": b"[section]\nauto_map = 1\n",
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_runs_nothing_is_no_finding(name: str) -> None:
    found = scan(OTHERS[name], name=name)
    assert (found.findings, found.problems) == ((), ()), found


def test_honest_template_in_a_file_is_clean() -> None:
    assert scan(TEMPLATE.encode(), name="chat_template.jinja").outcome is Outcome.CLEAN


def test_honest_mlflow_model_is_clean() -> None:
    data = b"""artifact_path: model
flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.sklearn
    model_path: model.pkl
  sklearn:
    code: null
    pickled_model: model.pkl
    serialization_format: cloudpickle
utc_time_created: '2026-01-01 00:00:00.000000'
"""
    assert scan(data, name="model/MLmodel").outcome is Outcome.CLEAN


def test_honest_repository_is_clean_with_exit_0(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(safetensors({}))
    for name, document in CONFIGURATIONS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(document))
    for name, data in OTHERS.items():
        (tmp_path / name).write_bytes(data)
    assert scan_artifact(tmp_path).exit(Severity.LOW) is Exit.GOOD


def test_small_numbers_are_no_cut_off_lzma_stream() -> None:
    """The head of an lzma-alone stream has no magic number; raw integers often look like one."""
    for values in ([2, 2, 1], [1, 2, 3, 4], [5, 1, 9, 2], [93, 1, 0, 7]):
        for layout in ("<q", "<i"):
            data = b"".join(struct.pack(layout, value) for value in values)
            assert scan(data * 3, name="data.bin").problems == (), (values, layout)
