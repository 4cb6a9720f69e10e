"""The callback in a real trainer of `transformers`: its settings are stated, and where it went on from."""

import json
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.forge import key
from weightmark.attestations.recording.trainer import make_callback
from weightmark.errors import ExtraMissingError

_ROOT = Path(__file__).parents[3]
_SCRIPT = r"""
import base64, json, sys
sys.path.insert(0, sys.argv[1])
sys.path.append(sys.argv[2])
import transformers
import weightmark

config = transformers.GPT2Config(
    n_layer=1, n_head=2, n_embd=16, vocab_size=32, n_positions=16, bos_token_id=0, eos_token_id=0
)
rows = [{"input_ids": [n] * 8, "labels": [n] * 8} for n in range(8)]
transformers.GPT2LMHeadModel(config).save_pretrained("base")

def train(out, steps, **going_on):
    words = {"step": "finetune", "inputs": {"base": "base"}, "output": out, "key": "k.key"}
    with weightmark.record(**words) as step:
        arguments = transformers.TrainingArguments(
            "scratch", max_steps=steps, per_device_train_batch_size=2, learning_rate=2e-5, seed=7,
            save_steps=2, report_to=[], use_cpu=True, disable_tqdm=True, hub_token="hf_" + "x" * 34,
        )
        model = transformers.GPT2LMHeadModel.from_pretrained("base")
        trainer = transformers.Trainer(
            model=model, args=arguments, train_dataset=rows, callbacks=[step.trainer_callback()]
        )
        trainer.train(**going_on)
        trainer.save_model(out)
    return json.loads(step.results[0].claims[0].envelope.payload)

stated = [train("out", 2), train("more", 3, resume_from_checkpoint=True)]
with open("stated.json", "w") as file:
    json.dump(stated, file)
"""


@pytest.fixture(scope="module")
def stated(tmp_path_factory: pytest.TempPathFactory, torch_python: Path) -> list[dict[str, Any]]:
    """Return what was stated of a training, and of one that went on from its checkpoint."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "k.key").write_bytes(key().to_pem(None))
    places = [str(_ROOT), sysconfig.get_path("platlib")]
    done = subprocess.run(
        [torch_python, "-c", _SCRIPT, *places],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[dict[str, Any]] = json.loads((folder / "stated.json").read_text())
    return found


def _parameters(statement: dict[str, Any]) -> dict[str, str]:
    definition = statement["predicate"]["buildDefinition"]
    found: dict[str, str] = definition["externalParameters"]["parameters"]
    return found


@pytest.mark.needs("transformers")
def test_a_real_trainer_states_its_settings_and_how_far_it_got(
    stated: list[dict[str, Any]],
) -> None:
    first, more = (_parameters(one) for one in stated)
    expected = {"learning_rate": "2e-05", "seed": "7", "max_steps": "2", "steps": "2"}
    assert {name: first[f"trainer.{name}"] for name in expected} == expected
    assert "trainer.resumed_at" not in first
    assert (more["trainer.resumed_at"], more["trainer.steps"]) == ("2", "3")
    assert not [name for name in first if "token" in name]
    assert "hf_" not in json.dumps(stated)


def test_without_transformers_the_callback_says_what_to_install() -> None:
    kept: dict[str, str] = {}
    with pytest.raises(ExtraMissingError) as missing:
        make_callback(kept.__setitem__)
    assert "pip install transformers" in missing.value.fix
