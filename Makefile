# The two commands for a newcomer are `make demo` and `make test`; `make check` is the third, for whoever changes code.
PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
READY := $(VENV)/.ready

.PHONY: help demo test check format lock clean
help:
	@echo "make demo     show the whole main job on real models (about a minute)"
	@echo "make test     run the test suite"
	@echo "make check    format, lint, types, layers, spelling, README, locks"
	@echo "make format   let the formatter rewrite the code"
	@echo "make lock     resolve the dependencies anew (needs uv)"

$(READY): pyproject.toml ci/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --only-binary :all: --require-hashes -r ci/constraints.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

test: $(READY)
	$(VENV)/bin/python -m pytest

