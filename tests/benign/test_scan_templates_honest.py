"""Chat templates in the styles of the well-known model families, and honest YAML, stay clean."""

import pytest

from tests.attacks.scan_builders import scan
from weightmark.scanners.scan import Outcome

TEMPLATES = {
    "chatml": "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "llama 2": "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\n' + system_message + '\n<</SYS>>\n\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% endfor %}",
    "llama 3": "{{- bos_token }}{%- if custom_tools is defined %}{%- set tools = custom_tools %}{%- endif %}{%- if not date_string is defined %}{%- if strftime_now is defined %}{%- set date_string = strftime_now('%d %b %Y') %}{%- else %}{%- set date_string = '26 Jul 2024' %}{%- endif %}{%- endif %}{%- set system_message = messages[0]['content']|trim %}{%- set messages = messages[1:] %}{%- for t in tools %}{{- t | tojson(indent=4) }}{%- endfor %}{%- for message in messages %}{%- if 'tool_calls' in message %}{%- set tool_call = message.tool_calls[0].function %}{%- for arg_name, arg_val in tool_call.arguments | items %}{{- arg_name + '=\"' + arg_val + '\"' }}{%- if not loop.last %}{{- ', ' }}{%- endif %}{%- endfor %}{%- endif %}{%- endfor %}",
    "mistral": "{%- if messages[0]['role'] == 'system' %}{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}{%- set user_messages = loop_messages | selectattr('role', 'equalto', 'user') | list %}{%- set ns = namespace(index=0) %}{%- for message in loop_messages %}{%- if (message['role'] == 'user') != (ns.index % 2 == 0) %}{{- raise_exception('x') }}{%- endif %}{%- set ns.index = ns.index + 1 %}{%- if message == user_messages[-1] %}{{- '[AVAILABLE_TOOLS] [' }}{%- for tool in tools %}{%- set tool = tool.function %}{%- for key, val in tool.items() if key != 'return' %}{{- key + tool[key]|string }}{%- endfor %}{%- endfor %}{%- endif %}{%- endfor %}",
    "qwen 3": "{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}{%- for message in messages[::-1] %}{%- set index = (messages|length - 1) - loop.index0 %}{%- if ns.multi_step_tool and message.role == 'user' and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}{%- set ns.multi_step_tool = false %}{%- set ns.last_query_index = index %}{%- endif %}{{ messages[index].role }}{{ messages[ns.last_query_index + 1].role }}{%- endfor %}{%- for message in messages %}{%- set content = message.content %}{%- set reasoning_content = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}{%- set content = message['content'].split('</think>')[-1].lstrip('\n') %}{%- if loop.last or (not loop.last and messages[loop.index0 + 1].role != 'tool') %}{{- '<|im_end|>\n' }}{%- endif %}{%- if loop.first or (messages[loop.index0 - 1].role != 'tool') %}x{%- endif %}{%- endfor %}",
    "qwen 3 coder": "{%- macro render_extra_keys(json_dict, handled_keys) %}{%- if json_dict is mapping %}{%- for json_key in json_dict if json_key not in handled_keys %}{%- if json_dict[json_key] is mapping %}{{- '<' ~ json_key ~ '>' ~ (json_dict[json_key] | tojson | safe) }}{%- else %}{{- json_dict[json_key] | string }}{%- endif %}{%- endfor %}{%- endif %}{%- endmacro %}{%- for tool in tools %}{%- for param_name, param_fields in tool.parameters.properties|items %}{%- set handled_keys = ['name', 'type'] %}{{- render_extra_keys(param_fields, handled_keys) }}{%- endfor %}{{- render_extra_keys(tool.parameters, ['type']) }}{%- endfor %}{%- set args_value = args_value | tojson | safe if args_value is mapping else args_value | string %}",
    "gemma": "{{ bos_token }}{%- if messages[0]['role'] == 'system' -%}{%- set first_user_prefix = messages[0]['content'][0]['text'] + '\n\n' -%}{%- set loop_messages = messages[1:] -%}{%- else -%}{%- set first_user_prefix = '' -%}{%- set loop_messages = messages -%}{%- endif -%}{%- for message in loop_messages -%}{%- if (message['role'] == 'assistant') -%}{%- set role = 'model' -%}{%- else -%}{%- set role = message['role'] -%}{%- endif -%}{{ '<start_of_turn>' + role + '\n' + (first_user_prefix if loop.first else '') }}{%- for item in message['content'] -%}{{ item['text'] | trim }}{%- endfor -%}{%- endfor -%}",
    "phi": "{% for message in messages %}{% if message['role'] == 'system' and 'tools' in message and message['tools'] is not none %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|tool|>' + message['tools'] + '<|/tool|>' + '<|end|>' }}{% else %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}",
    "deepseek": "{% set ns = namespace(is_first=false, is_tool=false, system_prompt='', is_first_sp=true) %}{%- for message in messages %}{%- if message['role'] == 'system' %}{% set ns.system_prompt = ns.system_prompt + '\n\n' + message['content'] %}{%- endif %}{%- endfor %}{{ bos_token }}{{ ns.system_prompt }}{%- for message in messages %}{%- for tool in message['tool_calls'] %}{{ tool['type'] + tool['function']['name'] + '\n' + '```json' + '\n' + tool['function']['arguments'] + '\n' + '```' }}{%- set ns.is_first = true -%}{%- endfor %}{% set content = message['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}{{ content }}{%- endfor -%}",
    "hermes": "{%- macro json_to_python_type(json_spec) %}{%- set basic_type_map = {'string': 'str', 'number': 'float'} %}{%- if basic_type_map[json_spec.type] is defined %}{{- basic_type_map[json_spec.type] }}{%- elif json_spec.type == 'array' %}{{- 'list[' + json_to_python_type(json_spec|items) + ']' }}{%- elif json_spec.type is iterable %}{%- for t in json_spec.type %}{{- json_to_python_type({'type': t}) }}{%- endfor %}{%- endif %}{%- endmacro %}{%- for tool in tools %}{%- for param_name, param_fields in tool.parameters.properties|items %}{{ json_to_python_type(param_fields) }}{%- endfor %}{%- endfor %}",
    "pairs by number": "{% set offset = 1 if messages[0].role == 'system' else 0 %}{% for i in range(0, messages|length, 2) %}{{ messages[i].content }}{{ messages[i + 1].content }}{{ messages[offset + i].content }}{{ ['a', 'b'][loop.index0 % 2] }}{% endfor %}",
    "names of roles": "{% set roles = {'user': 'Human', 'assistant': 'AI'} %}{% for message in messages %}{{ roles[message['role']] + ': ' + message.get('content', '') }}{{ roles[message.role | lower] }}{% endfor %}",
    "list with a system message": "{% set all = [{'role': 'system', 'content': 'x'}] + messages %}{% for m in all %}{{ roles[m.role] }}{% endfor %}{% set sep = joiner(', ') %}{% for m in all %}{{ sep() }}{{ m.role }}{% endfor %}{% set row = cycler('a', 'b') %}{{ row.next() }}",
    "keys of a message": "{% for message in messages %}{% for key in message %}{{ key + ': ' + message[key] }}{% endfor %}{% for key in message.keys() | sort %}{{ message[key] }}{% endfor %}{% for key in ['role', 'content'] %}{{ message[key] }}{% endfor %}{% endfor %}",
}  # fmt: skip


@pytest.mark.parametrize("family", TEMPLATES)
def test_template_in_the_style_of_a_model_family_is_clean(family: str) -> None:
    found = scan(TEMPLATES[family].encode(), name="chat_template.jinja")
    assert (found.outcome, found.findings) == (Outcome.CLEAN, ()), found


YAML = {
    "hyperparams.yaml": b"""pretrained_path: speechbrain/asr
sample_rate: 16000
__set_seed: !apply:torch.manual_seed [1234]
normalizer: !new:speechbrain.processing.features.InputNormalization
    norm_type: global
encoder: !new:speechbrain.lobes.models.CRDNN.CRDNN
    activation: !name:torch.nn.LeakyReLU
    rate: !ref <sample_rate>
tokenizer: !new:sentencepiece.SentencePieceProcessor
cost: !name:speechbrain.nnet.losses.nll_loss
modules: !new:torch.nn.ModuleList
    - [!ref <encoder>]
copied: !copy <encoder>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables: {asr: !ref <encoder>}
counter: !new:speechbrain.utils.epoch_loop.EpochCounter
    limit: 9
""",
    "v1-inference.yaml": b"""model:
  target: ldm.models.diffusion.ddpm.LatentDiffusion
  params:
    unet_config:
      target: ldm.modules.diffusionmodules.openaimodel.UNetModel
      params: {in_channels: 4}
    loss_config: {target: torch.nn.Identity}
""",
    "nemo.yaml": b"target: nemo.collections.asr.models.ctc_bpe_models.EncDecCTCModelBPE\nnemo_version: 1.10.0\noptim: {target: 1}\n",
    "ecg.yaml": b"columns: [a, b]\ntarget: label.x\ntarget_names: [x, y]\n",
    "chart.yaml": b"{{ if .Values.x }}\nname: {{ .Values.y }}\n{{ end }}\n",
}  # fmt: skip


@pytest.mark.parametrize("name", YAML)
def test_yaml_of_honest_training_code_has_no_finding(name: str) -> None:
    found = scan(YAML[name], name=name)
    assert (found.findings, found.problems) == ((), ()), found
