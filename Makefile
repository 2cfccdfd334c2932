# README.md shows the plain commands behind each of these.
PYTHON ?= python3
INSTALL = pip install --disable-pip-version-check --quiet --compile --require-hashes
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: repro test ui bench lock

repro: .venv/installed
	dvc repro

test: .venv/installed-for-tests
	ruff check .
	ruff format --check .
	mypy
	pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

ui: .venv/installed
	python -m pipeline.ui

bench: .venv/installed-for-tests
	python -m tests.benchmarks

# Takes the newest versions that pyproject.toml allows; needs uv. What tests need comes first, since it allows less.
COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes
lock:
	$(COMPILE) --upgrade --extra dev pyproject.toml --output-file requirements-dev.lock
	$(COMPILE) --upgrade --constraints requirements-dev.lock pyproject.toml --output-file requirements.lock
	$(COMPILE) --constraints requirements.lock --group build --output-file requirements-build.lock

.venv/python: requirements-build.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(INSTALL) --requirement requirements-build.lock
	touch $@

.venv/installed: .venv/python requirements.lock
	@echo "installing what requirements.lock names into .venv: a minute or two"
	$(INSTALL) --no-build-isolation --requirement requirements.lock
	touch $@

.venv/installed-for-tests: .venv/python requirements-dev.lock
	@echo "installing what requirements-dev.lock names into .venv: a minute or two"
	$(INSTALL) --no-build-isolation --requirement requirements-dev.lock
	touch $@
