# Two commands matter: `make demo` and `make test`. Each sets up what it needs first.
VENV ?= .venv
export VENV
# tests start mcuforge hundreds of times: without .pyc files each start would compile it again
unexport PYTHONDONTWRITEBYTECODE
PYTEST := $(VENV)/bin/python -m pytest $(if $(NO_SKIPS),--no-skips)
JOBS ?= 2

.PHONY: demo test test-all slowest quick lint bench fuzz clean

demo: $(VENV)/ready-run
	$(VENV)/bin/mcuforge deploy examples/digits/digits_cnn.tflite --board qemu-mps2-an500 --emulate \
	    --data examples/digits/digits_test.npz
	$(VENV)/bin/mcuforge deploy examples/digits/digits_vit.onnx --board qemu-mps2-an500 --emulate \
	    --data examples/digits/digits_vit_test.npz

test: $(VENV)/ready-test
	$(PYTEST) -n $(JOBS) --dist worksteal -m "not slow"

test-all: $(VENV)/ready-test
	$(PYTEST) -n $(JOBS) --dist worksteal

# the 30 slowest tests of the last run in CPU seconds, and the time per folder
slowest: $(VENV)/ready-test
	$(VENV)/bin/python -m scripts.slowest_tests

# on another Python: make quick PYTHON=python3.13 VENV=.venv-3.13
quick: $(VENV)/ready-unit
	$(PYTEST) -n $(JOBS) --dist worksteal -m "not slow" tests/unit
	$(VENV)/bin/mcuforge deploy examples/digits/digits_cnn.tflite --board qemu-mps2-an500 --emulate \
	    --data examples/digits/digits_test.npz

lint: $(VENV)/ready-test
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

# every model on every emulated board: bench/figures.json, the tables of README and docs/figures.md; minutes
bench: $(VENV)/ready-test
	$(VENV)/bin/python -m scripts.bench_table --jobs $(JOBS)

# mutated model files, five minutes of hostile serial input under sanitizers, the link on bad lines
fuzz: $(VENV)/ready-test
	$(VENV)/bin/python -m tests.fuzz.models --count 20000 --full
	$(VENV)/bin/python -m tests.fuzz.onnx_models --count 20000
	$(VENV)/bin/python -m tests.fuzz.serial --seconds 300
	$(VENV)/bin/python -m tests.faults

$(VENV)/ready-run: pyproject.toml setup.py scripts/setup.sh
	scripts/setup.sh run
	touch $@

$(VENV)/ready-unit: pyproject.toml setup.py scripts/setup.sh
	scripts/setup.sh unit
	touch $@ $(VENV)/ready-run

$(VENV)/ready-test: pyproject.toml setup.py scripts/setup.sh
	scripts/setup.sh test
	touch $@ $(VENV)/ready-unit $(VENV)/ready-run

clean:
	rm -rf .venv .venv-* build dist out *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
