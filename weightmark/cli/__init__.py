"""The command line: one file a command; it wires the wings together and renders."""
