# make demo | test | check | faults | killed | golden | bench | bench-peers | clean        needs Python 3.11 to 3.13 and make

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
DEMO := runs/demo
PEERS := .venv-peers
PEERS_READY := $(PEERS)/.installed
BENCH ?=
JOBS ?= 2

MAKEFLAGS += --no-print-directory
.PHONY: demo test check faults killed golden bench bench-peers clean
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
	@$(BIN)/python -m pytest -q -n $(JOBS)

check: $(READY)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

faults: $(READY)
	@$(BIN)/python tests/faults/run.py

killed: $(READY)
	@$(BIN)/python -m pytest -q -s tests/braket/test_killed.py --kills 10

golden: $(READY)
	@$(BIN)/python -m pytest -q --update-golden

bench: $(READY)
	@$(BIN)/python -m benchmarks.everything $(BENCH) --out runs/bench

$(PEERS_READY): pyproject.toml benchmarks/peers.txt
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	@echo "installing qsanc and its peers into $(PEERS)"
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[fast]' -r benchmarks/peers.txt
	@touch $@

bench-peers: $(PEERS_READY)
	@$(PEERS)/bin/python -m benchmarks.everything --peers $(BENCH)

clean:
	@rm -rf $(VENV) $(PEERS) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
