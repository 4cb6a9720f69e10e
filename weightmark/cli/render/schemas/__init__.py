"""The published JSON schemas, one file a command; `envelope.schema.json` is common to all."""
