# `make demo` and `make test` do all they need on a fresh machine with Python 3.11: they make an
# environment of their own in .venv, and install into it only when the requirements have changed.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
REQUIREMENTS := setup.cfg pyproject.toml constraints.txt
DEMO := results/quickstart

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export OMP_NUM_THREADS = 1

.PHONY: help demo test lint browser clean

help:
	@echo "make demo   run the quickstart scenario; pictures go to $(DEMO)"
	@echo "make test   lint, type-check and test"
	@echo "make clean  remove what these made"

demo: $(VENV)/.installed
	$(BIN)/neurosim run scenarios/quickstart.yaml -o $(DEMO)
	@echo
	@echo "The pictures:"
	@ls $(DEMO)/*.png
	@echo "The numbers: $(DEMO)/result.json"

test: lint browser
	$(BIN)/python -m pytest -n $(WORKERS) -q -rs

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/mypy

# The report is tested in Chromium; where it is missing and cannot be installed, those tests are
# skipped and say so.
browser:
	@if command -v chromedriver >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing chromium for the tests of the report"; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
			--no-install-recommends chromium chromium-driver fonts-dejavu-core; } >/dev/null 2>&1 \
		|| echo "chromium cannot be installed: tests in a browser will be skipped"; \
	else echo "no chromium here, nor the right to install it: tests in it will be skipped"; fi

clean:
	rm -rf $(VENV) $(DEMO) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find neurosim tests benchmarks models -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no python3 found: install Python 3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is older than 3.11: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps are touched last, so that an interrupted installation is done again.
$(VENV)/.installed: $(BIN)/python $(REQUIREMENTS)
	$(BIN)/python -m pip install -q -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(BIN)/python $(REQUIREMENTS)
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev,train,dist,parquet]'
	@touch $@ $(VENV)/.installed
