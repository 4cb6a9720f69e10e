"""Recording a step: what went in, what was run, what came out, signed as SLSA provenance v1."""

from weightmark.attestations.recording.step import Recording, StepRequest, record_step

__all__ = ["Recording", "StepRequest", "record_step"]
