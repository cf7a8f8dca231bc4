# The two commands of the README are `make up` and `make test`; the rest is for those who change the code.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: packages test-packages up down test check bench clean

$(VENV)/.dev: pyproject.toml hatch_build.py $(wildcard schema_build/*.py)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

$(VENV)/.run: pyproject.toml hatch_build.py $(wildcard schema_build/*.py)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -e $(VENV)/.dev || $(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

# What is compiled once is kept, whatever the environment says: the tests start many programs.
export PYTHONDONTWRITEBYTECODE =

IMAGES := build/images
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

packages:
	$(SUDO) scripts/install-debian-packages

test-packages:
	$(SUDO) scripts/install-debian-packages --tests

up: packages $(VENV)/.run  ## a cluster that runs examples/api-server.yaml, on this machine
	$(BIN)/python examples/images.py $(IMAGES)
	$(SUDO) $(BIN)/kybern up
	$(SUDO) $(BIN)/kybern image import $(IMAGES)/*.tar
	$(SUDO) $(BIN)/kybern up -f examples/api-server.yaml

down:  ## stop it and leave nothing behind but its data
	$(SUDO) $(BIN)/kybern down

# Forks a supervisor, which has no threads of its own: in a process of its own, without what other tests left there.
FORKING := tests/unit/supervisor/test_processes.py

EFFORT ?= 0.3
test: EFFORT = 1

# The last net of `make test`, on shared machines with clocks of their own: what fails is run again, twice at most. The
# log shows each failure, and the closing line says how many were run again. `make check` forgives nothing.
test: RERUNS = --reruns 2 --rerun-show-tracebacks

check: $(VENV)/.dev  ## style, types, layers and the quick tests, which search a share of their examples: in under a minute
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	EFFORT=$(EFFORT) $(BIN)/pytest -q -n 2 $(RERUNS) --ignore $(FORKING) tests/unit
	$(BIN)/pytest -q -p no:xdist $(RERUNS) $(FORKING)

test: $(if $(filter 0,$(shell id -u)),test-packages) check  ## everything that this machine can run
	$(BIN)/pytest -q $(RERUNS) tests/cluster
	$(BIN)/pytest -q $(RERUNS) tests/node tests/scenarios

bench: $(VENV)/.dev  ## every benchmark, one after the other; bench/README.md says what each measures
	for each in schema cel store transport api fields admission custom_resources scheduling proxy fairness fan_out create_path attack large; do $(BIN)/python bench/$$each.py; done
	test "$$(id -u)" != 0 || $(BIN)/python bench/cluster.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
