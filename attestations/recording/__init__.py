"""Recording a step: what went in, what was run, what came out, signed as SLSA provenance v1."""

from weightmark.attestations.recording.step import RecordedStep, Recording, StepRequest, record_step

__all__ = ["RecordedStep", "Recording", "StepRequest", "record_step"]
