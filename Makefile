# The two commands for a newcomer are `make demo` and `make test`; `make check` is the third, for whoever changes code.
PYTHON ?= python3
PYTEST_FLAGS ?= -n auto
FUZZ_SECONDS ?= 20
VENV := .venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
READY := $(VENV)/.ready

.PHONY: help demo test check format generate site lock peers models smoke bench fuzz clean
help:
	@echo "make demo      show the whole main job on real models (about a minute)"
	@echo "make test      run the test suite"
	@echo "make check     format, lint, types, layers, spelling, what is generated, the site, locks"
	@echo "make format    let the formatter rewrite the code"
	@echo "make generate  write what is generated from the code: README, reference, manual, completions, picture"
	@echo "make site      make the pages of docs/ in site/"
	@echo "make peers     install the peer tools that some tests compare with (1 GB)"
	@echo "make models    fetch the small real models that the demo and some tests use"
	@echo "make smoke     build the wheel and try it in an empty environment"
	@echo "make bench     measure side by side with peers"
	@echo "make fuzz      try damaged input on every parser (FUZZ_SECONDS=20 each; atheris if installed)"
	@echo "make lock      resolve the dependencies anew (needs uv)"
	@echo "make clean     remove the environment and everything that was built"

$(READY): pyproject.toml ci/constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("error: Python 3.11 or newer is needed; name it with `make PYTHON=python3.12 …`")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --only-binary :all: --require-hashes -r ci/constraints.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: models
	$(VENV)/bin/python tools/demo.py

test: $(READY)
	$(VENV)/bin/python -m pytest $(PYTEST_FLAGS)

check: $(READY)
	VENV=$(VENV) tools/check

format: $(READY)
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

generate: $(READY)
	$(VENV)/bin/python tools/readme_help.py --write
	$(VENV)/bin/python tools/comparison.py --write
	$(VENV)/bin/python tools/terminal_picture.py --write
	$(VENV)/bin/python tools/exit_codes.py --write
	$(VENV)/bin/weightmark help --environment -o docs/reference/environment.md
	$(VENV)/bin/python tools/reference.py --write
	$(VENV)/bin/python tools/manual.py --write

site: $(READY)
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict
	@echo "look at site/index.html"

lock:
	tools/lock

peers:
	PYTHON=$(PYTHON) tools/peers/install

models: $(READY)
	@$(VENV)/bin/python tools/fetch_models.py

smoke: $(READY)
	VENV=$(VENV) tools/smoke

bench: $(READY)
	$(VENV)/bin/python benchmarks/run.py

fuzz: $(READY)
	$(VENV)/bin/python -m tests.fuzz.run --seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)

clean:
	rm -rf $(VENV) .peers .cache build dist site *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	  .import_linter_cache .coverage htmlcov
	find . -name __pycache__ -prune -exec rm -rf {} +
