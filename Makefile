# CONTRIBUTING.md shows `make test` without make, and README.md `make repro`.
PYTHON ?= python3
VENV ?= .venv
INSTALL = pip install --disable-pip-version-check --quiet --compile --require-hashes
export PATH := $(abspath $(VENV))/bin:$(PATH)

# The tests' processes share the cores, so BLAS gets one thread in each.
PYTEST = OPENBLAS_NUM_THREADS=1 pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

.PHONY: help repro test coverage faults ui bench docs lock

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

repro: $(VENV)/installed ## train, evaluate and track the network set up in conf/
	dvc repro

ui: $(VENV)/installed ## compare runs in MLflow's UI
	python -m pipeline.ui

test: $(VENV)/installed-for-tests ## run the linter, the type checker and every test
	ruff check .
	ruff format --check .
	mypy
	$(PYTEST)

# Hydra mistakes coverage for a debugger and prints tracebacks, so a test that expects one sentence fails here.
coverage: $(VENV)/installed-for-tests ## run every test and print branch coverage, subprocesses included
	-$(PYTEST) --cov

faults: $(VENV)/installed-for-tests ## kill, starve and mislead it for half an hour, and check that nothing is lost
	python -m tests.faults

bench: $(VENV)/installed-for-tests ## compare speed with other libraries
	python -m tests.benchmarks

docs: $(VENV)/installed-for-tests ## regenerate the pages on settings and causes
	python -m tests.settings_page > docs/settings.md
	python -m pipeline.doctor --causes > docs/causes.md

# The tests' requirements are stricter, so lock them first.
COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes
lock: ## lock the newest dependencies that pyproject.toml allows (needs uv)
	$(COMPILE) --upgrade --extra dev pyproject.toml --output-file requirements-dev.lock
	$(COMPILE) --upgrade --constraints requirements-dev.lock pyproject.toml --output-file requirements.lock
	$(COMPILE) --constraints requirements.lock --group build --output-file requirements-build.lock

$(VENV)/python: requirements-build.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --requirement requirements-build.lock
	touch $@

$(VENV)/installed: $(VENV)/python requirements.lock
	@echo "installing requirements.lock into $(VENV): this takes a minute or two"
	$(INSTALL) --no-build-isolation --requirement requirements.lock
	touch $@

$(VENV)/installed-for-tests: $(VENV)/python requirements-dev.lock
	@echo "installing requirements-dev.lock into $(VENV): this takes a minute or two"
	$(INSTALL) --no-build-isolation --requirement requirements-dev.lock
	touch $@
