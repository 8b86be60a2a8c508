# Needs: make, Python 3.11 or newer with venv, and a network (or PIP_FLAGS that say where wheels are).
# Linux without a GPU: PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu" spares gigabytes of CUDA.

PYTHON ?= python3
VENV ?= .venv
PIP_FLAGS ?=

BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test adapters lint check format clean

help:  ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 16

demo: $(VENV)/.base  ## install the base (no torch) and judge a sample call; the report is demo/call.html
	@mkdir -p demo
	$(BIN)/affekt predict examples/call.wav --agent right --plot demo/call.html
	@echo "The report is $(CURDIR)/demo/call.html: open it in a browser."

test: $(VENV)/.dev  ## install everything for development and run all tests
	$(BIN)/python -m pytest

adapters: $(VENV)-adapters/.stamp  ## test what plugs into Pipecat and LiveKit, in an environment of its own
	$(VENV)-adapters/bin/python -m pytest tests/adapters tests/examples/test_voice_agent_examples.py src/affekt/adapters

lint: $(VENV)/.dev  ## formatting, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

check: lint test  ## lint, then test: what a change must pass

format: $(VENV)/.dev  ## write the formatting, and what lint can mend by itself
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

clean:  ## remove what was built or cached; the environment stays
	rm -rf build dist demo .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache src/*.egg-info
	find src tests -name __pycache__ -type d -exec rm -rf {} +

# Stamps: an environment is installed anew only when its requirements changed.

$(VENV)/.base: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable ".[dev]"
	@touch $(VENV)/.base $@

# Pipecat asks for an older soxr, soundfile and protobuf than the tests of the rest are run with.
$(VENV)-adapters/.stamp: pyproject.toml constraints-adapters.txt
	@$(MAKE) --no-print-directory VENV=$(VENV)-adapters $(VENV)-adapters/bin/python
	$(VENV)-adapters/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) \
		-c constraints-adapters.txt --editable ".[livekit,pipecat]" hypothesis pytest
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Affekt needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12"; \
		exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		rm -rf $(VENV); \
		echo "No environment could be made. On Debian and Ubuntu: sudo apt install python3-venv"; \
		exit 1; }
