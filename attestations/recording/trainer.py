"""A callback for trainers of `transformers`: what was set and how far training got becomes parameters."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from weightmark.errors import ExtraMissingError

__all__ = ["make_callback"]

_SETTINGS = (
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "bf16",
    "data_seed",
    "fp16",
    "gradient_accumulation_steps",
    "learning_rate",
    "lr_scheduler_type",
    "max_grad_norm",
    "max_steps",
    "num_train_epochs",
    "optim",
    "per_device_train_batch_size",
    "seed",
    "warmup_steps",
    "weight_decay",
)
"""settings that say how a model was trained; none of them holds a path or a secret"""


def make_callback(parameter: Callable[[str, str], None]) -> Any:
    """Return a `TrainerCallback` that tells `parameter` what it sees; raises `ExtraMissingError` without the library."""
    if find_spec("transformers") is None:
        raise ExtraMissingError(
            "a callback for trainers needs `transformers`",
            fix="install it with `pip install transformers`",
        )
    from transformers import TrainerCallback

    class _Recorder(TrainerCallback):  # type: ignore[misc] # the library has no types here
        """Records settings when training begins, and how far it got when it ends."""

        def on_train_begin(self, args: Any, state: Any, *_: Any, **__: Any) -> None:
            for name in _SETTINGS:
                value = getattr(args, name, None)
                if value is not None:
                    parameter(f"trainer.{name}", str(getattr(value, "value", value)))
            if state.global_step:
                parameter("trainer.resumed_at", str(state.global_step))

        def on_train_end(self, _: Any, state: Any, *__: Any, **___: Any) -> None:
            parameter("trainer.steps", str(state.global_step))
            parameter("trainer.epochs", str(state.epoch))

    return _Recorder()
