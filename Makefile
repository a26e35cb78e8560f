# Everything starts here: `make demo` and `make test` need Python 3.11 or 3.12 and nothing else.

PYTHON ?= python3.12 python3.11 python3 python
VENV := .venv
BIN := $(VENV)/bin
LOCK := uv pip compile pyproject.toml requirements/build.in --override requirements/overrides.txt --universal \
	--python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test lint format bench lock clean

help: ## show this help
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

setup: $(VENV)/.runtime ## make .venv with what the program needs
setup-dev: $(VENV)/.development ## the same, with what tests and linters need

demo: setup ## render the sample portrait speaking; says where the video is
	$(BIN)/spark-avatar demo -o output/demo.mp4

test: setup-dev ## run all tests
	$(BIN)/python -m pytest

lint: setup-dev ## ruff, mypy strict, import-linter
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup-dev ## let ruff rewrite the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup-dev ## run the benchmarks, print their figures
	$(BIN)/python benchmarks/run.py

lock: ## resolve the dependencies anew (needs uv)
	$(LOCK) -o requirements/runtime.txt
	$(LOCK) --group dev -o requirements/development.txt

clean: ## remove the environment and what was made
	rm -rf $(VENV) output build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@for python in $(PYTHON); do \
	  if $$python -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; then \
	    echo "Making $(VENV) with $$($$python --version)"; exec $$python -m venv $(VENV); fi; done; \
	echo "Python 3.11 or 3.12 with venv is needed; name one: make PYTHON=/path/to/python3.12" >&2; exit 1

# The lock is complete, so pip must not resolve: mediapipe asks for packages that are left out on purpose (overrides.txt).
$(VENV)/.runtime: $(BIN)/python requirements/runtime.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/runtime.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.development: $(VENV)/.runtime requirements/development.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/development.txt
	@touch $@
