# Two commands matter: `make demo` and `make test`. Each sets up what it needs first.
PYTEST := .venv/bin/python -m pytest $(if $(NO_SKIPS),--no-skips)
JOBS ?= 2

.PHONY: demo test test-all lint bench fuzz clean

demo: .venv/ready-run
	.venv/bin/mcuforge deploy examples/digits/digits_cnn.tflite --board qemu-mps2-an500 --emulate \
	    --data examples/digits/digits_test.npz
	.venv/bin/mcuforge deploy examples/digits/digits_vit.onnx --board qemu-mps2-an500 --emulate \
	    --data examples/digits/digits_vit_test.npz

test: .venv/ready-test
	$(PYTEST) -n $(JOBS) --dist worksteal -m "not slow"

test-all: .venv/ready-test
	$(PYTEST) -n $(JOBS) --dist worksteal

lint: .venv/ready-test
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

# every model on every emulated board: bench/figures.json and README's tables; minutes
bench: .venv/ready-test
	.venv/bin/python -m scripts.bench_table --jobs $(JOBS)

# mutated model files, then five minutes of hostile serial input under sanitizers
fuzz: .venv/ready-test
	.venv/bin/python -m scripts.fuzz_models --count 20000 --full
	.venv/bin/python -m scripts.fuzz_onnx --count 20000
	.venv/bin/python -m scripts.fuzz_serial --seconds 300

.venv/ready-run: pyproject.toml setup.py scripts/setup.sh
	scripts/setup.sh run
	touch $@

.venv/ready-test: pyproject.toml setup.py scripts/setup.sh
	scripts/setup.sh test
	touch $@ .venv/ready-run

clean:
	rm -rf .venv build dist out *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
