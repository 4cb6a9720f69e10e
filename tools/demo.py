"""`make demo`: the whole main job on three real models from PyPI, then four attacks on one of them."""

import shutil
import sys
import tempfile
import time
from pathlib import Path

from weightmark.cli.demo.story import Stage, StoryBrokenError, tell_story
from weightmark.errors import Exit

MODELS = {
    "silero-vad": ("speech detection, as TorchScript, ONNX and safetensors", Exit.GOOD),
    "basic-pitch": ("note detection, as ONNX, TFLite and a TensorFlow SavedModel", Exit.GOOD),
    "lpips": ("image similarity, as a legacy torch pickle", Exit.GOOD),
}


def main() -> int:
    """Tell the story in a temporary folder; return the exit code."""
    source = Path(__file__).parent.parent / ".cache" / "models"
    started = time.monotonic()
    print(
        "weightmark decides whether a model may be trusted. Here is the whole job, on three real models:"
    )
    for name, (what, _) in MODELS.items():
        print(f"  {name:<12} {what}")
    with tempfile.TemporaryDirectory(prefix="weightmark-demo-") as folder:
        for name in MODELS:
            shutil.copytree(source / name, Path(folder) / name)
        try:
            tell_story(
                Stage(Path(folder), lambda line: print(line, flush=True)),
                {name: scanned for name, (_, scanned) in MODELS.items()},
            )
        except StoryBrokenError as error:
            print(f"\nthe demo did not come true: {error}", file=sys.stderr)
            return 1
    print(f"\n({time.monotonic() - started:.0f} s, every exit code as promised)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
