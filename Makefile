# Every target does its own set-up: on a fresh machine only Python 3.11+, make and a compiler are needed.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TRACKERS := .venv-trackers
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install attack gallery test trackers lint type bench clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

install: $(STAMP)  ## make .venv with everything in it

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "advwindow needs Python 3.11 or newer; set PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet -c constraints.txt --editable ".[all]" --group dev
	$(BIN)/python -m pip install --quiet --no-deps --group oracles
	@touch $(STAMP)

attack: $(STAMP)  ## attack the embedded network, look through the window, write the PDF
	$(BIN)/advwindow attack attacks/quick.toml

gallery: $(STAMP)  ## the pictures of the README, from the default run
	$(BIN)/advwindow attack attacks/quick.toml --out runs/gallery
	$(BIN)/python reports/gallery.py runs/gallery

test: export OMP_NUM_THREADS = 1  # one worker for each core; more threads than cores are slower by far
test: $(STAMP)  ## run the tests
	$(BIN)/python -m pytest -n auto --dist loadgroup -m "not bench"

trackers: $(STAMP)  ## test the MLflow sink, in an environment beside: it wants newer packages than torchattacks allows
	$(PYTHON) -m venv $(TRACKERS)
	$(BIN)/python -c 'import os, sysconfig; print(sysconfig.get_path("purelib"), os.getcwd(), sep="\n")' \
	    > "$$($(TRACKERS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/beside.pth"
	$(TRACKERS)/bin/python -m pip install --quiet "mlflow-skinny>=3.0" "sqlalchemy>=2.0" "alembic>=1.13"
	$(TRACKERS)/bin/python -m pytest -n 0 -rs -m "not bench" tests/reports/outputs/test_sinks.py tests/cli/test_sending.py

lint: $(STAMP)  ## style, format and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

type: $(STAMP)  ## strict types
	$(BIN)/mypy

bench: $(STAMP)  ## pairwise benchmarks, ratios of two things run alternately
	$(BIN)/python -m pytest -m bench -s tests/bench

clean:  ## remove the environment and caches; runs and reports stay
	rm -rf $(VENV) $(TRACKERS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
