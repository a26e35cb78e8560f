# Everything starts here: `make demo` and `make test` need Python 3.11 or 3.12 and nothing else.

PYTHON ?= python3.12 python3.11 python3 python
VENV := .venv
BIN := $(VENV)/bin
LOCK := uv pip compile pyproject.toml requirements/build.in --override requirements/overrides.txt --universal \
	--python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

# Tests and benchmarks start the program hundreds of times: where the environment forbids bytecode, each would compile it anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test test-faults lint format bench soak chaos lock clean test-training train

help: ## show this help
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 21

setup: $(VENV)/.runtime ## make .venv with what the program needs
setup-dev: $(VENV)/.development ## the same, with what tests and linters need

demo: setup ## render the sample portrait speaking; says where the video is
	$(BIN)/spark-avatar demo -o output/demo.mp4

test: setup-dev ## run all tests, three files at a time: many of them wait for servers
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

FAULT_FLEETS ?= 4

test-faults: setup-dev ## run the fault tests alone and say how long they took (FAULT_FLEETS=4 at a time; they mostly wait)
	$(BIN)/python -m pytest -n $(FAULT_FLEETS) --dist worksteal --durations=10 -rs tests/integration

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

soak: setup-dev ## treat a server badly for SOAK_MINUTES (10), then audit what it stored
	$(BIN)/python benchmarks/soak.py

CHAOS_MINUTES ?= 30
CHAOS_SEED ?= 1

chaos: setup-dev ## random faults on a real fleet (CHAOS_MINUTES=30 CHAOS_SEED=1; needs PostgreSQL and RabbitMQ)
	PYTHONPATH=tests:tests/integration $(BIN)/python benchmarks/chaos.py --minutes $(CHAOS_MINUTES) --seed $(CHAOS_SEED)

lock: ## resolve the dependencies anew (needs uv)
	$(LOCK) -o requirements/runtime.txt
	$(LOCK) --extra scale --extra oidc --extra telemetry -o requirements/scale.txt
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
	$(BIN)/python -m compileall -q src
	@touch $@

$(VENV)/.development: $(VENV)/.runtime requirements/development.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/development.txt
	@touch $@

# The articulation network anew, from synthesised speech; see training/README.md. Debian 12's synthesisers must be installed.
# 22 hours of speech (Festival 12, Flite 5, eSpeak NG 4.8) and 0.5 hours of noise, each in two versions, seed 0; versions pinned in
# training/requirements.txt. The shipped weights join two of these trainings with two earlier ones. On two cores about 5 minutes of
# synthesis, 6 of features, and 40 for each training.
TRAINING ?= output/training
TRAIN = PYTHONPATH=src:. OMP_NUM_THREADS=1 $(TRAINING)/venv/bin/python -m training
TRAIN_STEPS ?= 25000
TRAIN_SEEDS ?= 0 1 2

train: $(TRAINING)/venv/.ready ## train the articulation network (needs espeak-ng, festival, flite; over two hours)
	$(TRAIN).synthesis --out $(TRAINING)/corpora --espeak-hours 4.8 --festival-hours 12 --flite-hours 5 --held-out-hours 0.15 --seed 0 --jobs 2
	$(TRAIN).noises --out $(TRAINING)/noise --hours 0.5 --seed 0
	$(TRAIN).features --corpora $(TRAINING)/corpora --out $(TRAINING)/features --versions 1 2 --jobs 2
	$(TRAIN).features --corpora $(TRAINING)/noise --out $(TRAINING)/features-noise --versions 1 2
	for seed in $(TRAIN_SEEDS); do \
		$(TRAIN).train --features $(TRAINING)/features $(TRAINING)/features-noise --bfloat16 \
			--out $(TRAINING)/seed$$seed.pt --steps $(TRAIN_STEPS) --seed $$seed || exit; \
	done
	$(TRAIN).export $(TRAIN_SEEDS:%=$(TRAINING)/seed%.pt) $(TRAINING)/articulation.onnx --halved

test-training: $(TRAINING)/venv/.ready $(VENV)/.development ## the tests of the training, which skip without PyTorch (installs it)
	PYTHONPATH="$$(echo $(TRAINING)/venv/lib/python*/site-packages)" OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 0 tests/training

$(TRAINING)/venv/.ready: training/requirements.txt $(BIN)/python
	$(BIN)/python -m venv $(TRAINING)/venv
	$(TRAINING)/venv/bin/python -m pip install --quiet --disable-pip-version-check -r training/requirements.txt
	@touch $@
