# make demo | test | check | faults | golden | clean        needs Python 3.11 to 3.13 and make, nothing else

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
DEMO := runs/demo

MAKEFLAGS += --no-print-directory
.PHONY: demo test check faults golden clean
.DELETE_ON_ERROR:

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "qsanc needs Python 3.11, 3.12 or 3.13 with venv; make PYTHON=/path/to/python says which"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing qsanc and its tools into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(READY)
	@rm -rf $(DEMO)
	$(BIN)/qsanc train models/qsann.qsan --data models/data/food_or_computing.tsv --out $(DEMO) --set n=2 --set lambda=0
	$(BIN)/qsanc predict $(DEMO) "patient chef bakes spicy bread" "quick student tests portable script"

test: $(READY)
	@$(BIN)/python -m pytest -q

check: $(READY)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

faults: $(READY)
	@$(BIN)/python tests/faults/run.py

golden: $(READY)
	@$(BIN)/python -m pytest -q --update-golden

clean:
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
