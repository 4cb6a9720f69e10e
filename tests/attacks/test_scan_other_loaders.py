"""Configurations of loaders beyond transformers, each of which would import, run or fetch what is named."""

import base64
import json

import pytest

from tests.attacks.scan_builders import EVIL, Member, archive, scan
from weightmark.errors import Exit
from weightmark.scanners.findings import FileScan
from weightmark.scanners.scan import Outcome, ScanReport, Severity


def _rules(found: FileScan) -> set[str]:
    return {finding.rule for finding in found.findings}


def _is_refused(found: FileScan) -> bool:
    return ScanReport.of([found]).exit(Severity.HIGH) is Exit.BAD


def _spark(name: str) -> dict[str, object]:
    return {"class": name, "timestamp": 1, "sparkVersion": "3.5", "uid": "x", "paramMap": {}}


def _rasa(name: str) -> dict[str, object]:
    node = {"needs": {}, "uses": name, "constructor_name": "load", "fn": "x", "config": {}}
    return {"train_schema": {"nodes": {"x": node}}}


ATTACKS: dict[str, tuple[str, str, object]] = {
    "Haystack component": ("REP003", "pipeline.yaml", "components:\n  a:\n    type: os.system\n    init_parameters: {command: echo}\n"),
    "Haystack component in JSON": ("REP003", "pipeline.json", {"components": {"a": {"type": "subprocess.Popen", "init_parameters": {}}}}),
    "Haystack function": ("REP003", "pipeline.yaml", "components:\n  a: {type: haystack.utils.import_utils.os.system, init_parameters: {}}\n"),
    "Rasa node": ("REP003", "metadata.json", _rasa("subprocess.Popen")),
    "Spark stage": ("REP003", "metadata/part-00000", _spark("other.Model")),
    "Spark stage behind the library": ("REP003", "metadata/part-00000", _spark("pyspark.ml.util.os.system")),
    "GluonTS call": ("REP003", "parameters.json", {"__kind__": "instance", "class": "os.system", "args": ["echo x"]}),
    "GluonTS call inside": ("REP003", "parameters.json", {"a": [{"__kind__": "stateful", "class": "builtins.eval", "args": ["1"]}]}),
    "GluonTS predictor": ("REP003", "type.txt", "os.system\n"),
    "MLServer runtime": ("REP003", "model-settings.json", {"name": "x", "implementation": "models.Custom"}),
    "BentoML module": ("REP003", "model.yaml", "name: x\nmodule: antigravity\nsignatures: {}\napi_version: v1\n"),
    "Lightning instantiator": ("REP003", "hparams.yaml", "_instantiator: other.make\nlr: 1\n"),
    "AllenNLP reader": ("REP003", "config.json", {"dataset_reader": {"type": "other.reader.Reader"}, "model": {"type": "basic"}}),
    "native operators of ONNX Runtime GenAI": ("REP001", "genai_config.json", {"model": {"decoder": {"session_options": {"custom_ops_library": "ops.so"}}}}),
    "PaddleDetection": ("REP001", "infer_cfg.yml", "Preprocess:\n- type: __import__('os').system('echo x')\n"),
    "PaddleOCR": ("REP001", "inference.yml", "PreProcess:\n  transform_ops:\n  - print(1) or f:\n      x: 1\n"),
    "Paddle's last step": ("REP001", "inference.yml", "PostProcess:\n  name: exec('1')\n"),
    "experts from the hub": ("REP001", "config.json", {"_experts_implementation": "other/kernel"}),
    "generation from the hub": ("REP001", "generation_config.json", {"eos_token_id": 2, "custom_generate": "other/repo"}),
    "weights of TensorFlow.js": ("REP004", "model.json", {"modelTopology": {}, "weightsManifest": [{"paths": ["../../x.bin"], "weights": []}]}),
    "weights of MLC": ("REP004", "ndarray-cache.json", {"records": [{"dataPath": "/etc/x", "nbytes": 1}]}),
    "hint of a modular pipeline": ("REP003", "modular_model_index.json", {"_class_name": "P", "unet": [None, None, {"type_hint": ["antigravity", "X"]}]}),
    "component from elsewhere": ("REP007", "modular_model_index.json", {"_class_name": "P", "unet": [None, None, {"repo": "/etc/x"}]}),
    "backbone from elsewhere": ("REP004", "config.json", {"model_type": "x", "backbone": "../../x", "use_pretrained_backbone": True}),
    "adapters of X-LoRA": ("REP007", "adapter_config.json", {"peft_type": "XLORA", "adapters": {"a": "../../x"}}),
    "environment of MLflow": ("REP004", "MLmodel", "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    env: ../../x.yaml\n"),
    "part of an MLflow model": ("REP004", "MLmodel", "flavors:\n  transformers:\n    components: [x]\n    processor: a/../../x\n"),
    "prompt of LangChain": ("TPL001", "prompt.json", {"_type": "prompt", "template_format": "jinja2", "template": "{{ x.__class__ }}"}),
    "prompt in YAML": ("TPL001", "prompt.yaml", "template_format: jinja2\ntemplate: '{{ x.__class__ }}'\n"),
    "instructions in YAML": ("TPL001", "chatml.yaml", "instruction_template: '{{ x.__class__.__mro__ }}'\n"),
    "library of Triton": ("REP001", "m/config.pbtxt", 'name: "m"\nmodel_operations { op_library_filename: ["ops.so"] }\n'),
    "code of OpenVINO Model Server": ("REP001", "graph.pbtxt", 'node { node_options: { handler_path: "/models/m/model.py" } }'),
    "layer of Caffe": ("REP001", "deploy.prototxt", 'layer { type: "Python" python_param { layer: "X" module: "os" } }'),
    "recordings of Kaldi": ("REP001", "wav.scp", "one /data/1.wav\ntwo echo x |\n"),
    "recordings written by a command": ("REP001", "feats.scp", "one |echo x\n"),
    "state of DeepSpeed": ("REP004", "latest", "../../x"),
    "hooks of an assistant": ("REP005", ".claude/settings.json", {"hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": "echo"}]}]}}),
    "servers of an assistant": ("REP005", ".mcp.json", {"mcpServers": {"x": {"command": "echo"}}}),
}  # fmt: skip


@pytest.mark.parametrize("case", ATTACKS)
def test_what_another_loader_would_import_or_run_is_refused(case: str) -> None:
    rule, name, content = ATTACKS[case]
    data = content if isinstance(content, str) else json.dumps(content)
    found = scan(data.encode(), name=name)
    assert rule in _rules(found), found
    assert _is_refused(found)


HONEST: dict[str, tuple[str, object]] = {
    "Haystack": ("pipeline.yaml", "components:\n  a:\n    type: haystack.components.readers.extractive.ExtractiveReader\n    init_parameters: {model: x}\n"),
    "Rasa": ("metadata.json", _rasa("rasa.nlu.classifiers.diet_classifier.DIETClassifier")),
    "Spark": ("metadata/part-00000", _spark("org.apache.spark.ml.classification.LogisticRegressionModel")),
    "GluonTS": ("parameters.json", {"__kind__": "instance", "class": "gluonts.torch.model.deepar.module.DeepARModel", "kwargs": {"a": {"__kind__": "instance", "class": "builtins.tuple", "args": [[1]]}}}),
    "GluonTS predictor": ("type.txt", "gluonts.torch.model.predictor.PyTorchPredictor\n"),
    "MLServer": ("model-settings.json", {"name": "x", "implementation": "mlserver_sklearn.SKLearnModel"}),
    "another document with an implementation": ("x.json", {"name": "x", "implementation": "models.Custom"}),
    "BentoML": ("model.yaml", "name: x\nmodule: bentoml.sklearn\nsignatures: {}\napi_version: v1\n"),
    "Lightning": ("hparams.yaml", "_instantiator: lightning.pytorch.cli.instantiate_module\nlr: 1\n"),
    "AllenNLP": ("config.json", {"dataset_reader": {"type": "snli"}, "model": {"type": "allennlp_models.x.Model"}}),
    "Paddle": ("inference.yml", "PreProcess:\n  transform_ops:\n  - DecodeImage:\n      x: 1\nPostProcess:\n  name: DBPostProcess\nPreprocess:\n- type: Resize\n"),
    "TensorFlow.js": ("model.json", {"modelTopology": {}, "weightsManifest": [{"paths": ["group1-shard1of1.bin"], "weights": []}]}),
    "MLflow's origin": ("MLmodel", "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    env: conda.yaml\n    artifacts:\n      a: {path: artifacts/a, uri: ../x/a}\n"),
    "prompt": ("prompt.json", {"template_format": "jinja2", "template": "{{ question }}"}),
    "prompt of another language": ("prompt.json", {"template_format": "f-string", "template": "{x.__class__}"}),
    "modular pipeline": ("modular_model_index.json", {"_class_name": "P", "unet": [None, None, {"type_hint": ["diffusers", "UNet2DModel"]}]}),
    "backbone": ("config.json", {"model_type": "x", "backbone": "resnet50"}),
    "Caffe": ("deploy.prototxt", 'layer { type: "Convolution" convolution_param { num_output: 3 } }'),
    "Kaldi": ("wav.scp", "one /data/1.wav\n"),
    "DeepSpeed": ("latest", "global_step100\n"),
    "assistant": (".claude/settings.json", {"permissions": {"allow": []}, "hooks": {}}),
}  # fmt: skip


@pytest.mark.parametrize("case", HONEST)
def test_what_belongs_to_the_library_is_quiet(case: str) -> None:
    name, content = HONEST[case]
    data = content if isinstance(content, str) else json.dumps(content)
    found = scan(data.encode(), name=name)
    assert (found.findings, found.problems) == ((), ()), found


def _policy(text: str) -> bytes:
    return json.dumps({"policy_class": {":type:": "<class>", ":serialized:": text}}).encode()


def test_pickle_in_the_settings_of_a_game_player_is_found() -> None:
    """Stable-Baselines3 unpickles Base64 from `data`, a member of its archive."""
    data = _policy(base64.b64encode(EVIL).decode())
    for found in (scan(data, name="data"), scan(archive(Member(b"data", data)), name="ppo.zip")):
        assert "PKL001" in _rules(found)
        assert _is_refused(found)
    found = scan(_policy("\n".join(base64.encodebytes(EVIL).decode())), name="data")
    assert "PKL001" in _rules(found)


def test_settings_of_a_game_player_that_cannot_be_decoded_are_unchecked() -> None:
    assert scan(_policy("a"), name="data").outcome is Outcome.UNCHECKED


def test_values_in_the_words_of_jsonpickle_build_nothing() -> None:
    quiet = {"a": {"py/tuple": [1]}, "b": {"py/set": [2]}, "c": {"py/object": "datetime.date"}}
    assert scan(json.dumps(quiet).encode(), name="m.json").findings == ()
    for tag in ("py/function", "py/object", "py/repr", "py/type", "py/newargs", "py/state"):
        found = scan(json.dumps({"a": {tag: "os.system"}}).encode(), name="m.json")
        assert "REP009" in _rules(found)
    built = {"py/reduce": [{"py/type": "uuid.UUID", "py/function": "os.system"}, {"py/tuple": []}]}
    assert "REP009" in _rules(scan(json.dumps(built).encode(), name="m.json"))


def test_objects_that_git_takes_from_elsewhere_are_told() -> None:
    found = scan(b"/srv/other/objects\n", name=".git/objects/info/alternates")
    assert _rules(found) == {"GIT002"}
    assert scan(b"/srv/other\n", name="objects/info/alternates").findings == ()


@pytest.mark.parametrize("name", ["model.safetensors", "a/pytorch_model.bin", "m.gguf", "m.onnx"])
def test_pointer_that_stands_for_a_model_is_unchecked(name: str) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
    found = scan(pointer.encode(), name=name)
    assert (found.outcome, found.findings) == (Outcome.UNCHECKED, ())
    assert "git lfs pull" in found.problems[0]
    assert scan(pointer.encode(), name="train.csv").outcome is Outcome.UNSUPPORTED
