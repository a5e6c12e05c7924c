# `make demo` and `make test` do all the set-up themselves, in a virtual environment of this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-fast lint bench clean

demo: $(VENV)/ready  ## remove a walking man from a real clip, and show where the result is
	$(BIN)/peanut demo --to demo

test: $(VENV)/ready  ## all tests
	$(BIN)/pytest

test-fast: $(VENV)/ready  ## the inner loop: without the slow tests
	$(BIN)/pytest -m "not slow"

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/ready  ## the figures of docs/performance.md (minutes)
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) demo

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]' hatchling editables setuptools wheel
	SAM2_BUILD_CUDA=0 $(BIN)/pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[p-mask]'
	touch $@
