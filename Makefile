# `make demo` and `make test` do all the set-up themselves, in a virtual environment of this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OLDEST := .venv-oldest

.PHONY: demo test test-fast test-plain test-oldest fuzz lint bench clean

demo: $(VENV)/ready  ## remove a walking man from a real clip, and show where the result is
	$(BIN)/peanut demo --to demo

# A test uses one core; as many run at once as there are.
test: $(VENV)/ready  ## all tests
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal --durations=30

test-fast: $(VENV)/ready  ## the inner loop: without the slow tests
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal -m "not slow"

test-plain: $(VENV)/ready  ## the same by PyTorch's plain operations alone
	PEANUT_FAST_PATHS=0 OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal -m "not slow"

test-oldest: $(OLDEST)/ready  ## the same with the lowest versions that pyproject.toml promises
	OMP_NUM_THREADS=1 $(OLDEST)/bin/pytest -n auto --dist worksteal -m "not slow"

fuzz: $(VENV)/ready  ## damaged files by ever new numbers, until Ctrl-C; FIRST=1000 begins there
	$(BIN)/python tests/fuzz.py $(or $(FIRST),200)

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/ready  ## the figures of docs/performance.md (minutes)
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) $(OLDEST) demo

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]' hatchling editables setuptools wheel
	SAM2_BUILD_CUDA=0 $(BIN)/pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[p-mask]'
	touch $@

$(OLDEST)/ready: pyproject.toml constraints-oldest.txt
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/pip install --quiet --constraint constraints-oldest.txt --editable '.[dev]' hatchling editables
	touch $@
