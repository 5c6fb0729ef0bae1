# Momiji's commands. Each does its own set-up; 'make help' lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help up test check soak bench web lock format prove-compose clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

up: $(VENV)/.runtime web ## run everything on this machine until Ctrl-C
	@exec $(BIN)/momiji up

test: $(VENV)/.dev web ## install what the tests need and run them all
	@deploy/prepare-tests.sh
	@$(BIN)/pytest -n 2 --dist loadfile --durations 25 $(TESTS)

check: $(VENV)/.dev ## format, lint, types, import rules, fast tests (under a minute)
	@$(BIN)/ruff format --check services tests
	@$(BIN)/ruff check services tests
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/pytest -m "not kafka and not browser and not peer and not docker and not slow" tests/kernel tests/style --ignore=tests/kernel/stream --ignore=tests/kernel/delivery

soak: $(VENV)/.dev ## 10,000 sequences of payments, faults and crashes; after every step the money must agree (about an hour)
	@deploy/soak.sh

bench: $(VENV)/.runtime web ## measure orders, scans, latency and stream; prints JSON lines
	@$(BIN)/momiji bench

web: $(VENV)/.runtime ## build the pages' scripts, styles and fonts
	@$(BIN)/python -m console.webbuild

format: $(VENV)/.dev ## format the code
	@$(BIN)/ruff format services tests
	@$(BIN)/ruff check --fix services tests

lock: $(VENV)/.dev ## resolve the dependencies again and write them down with their hashes
	@deploy/lock.sh

prove-compose: $(VENV)/.dev web ## run docker-compose.yml for real and buy a ticket through it
	@deploy/compose/prove.sh

clean: ## remove what was built; var/ with its data stays
	rm -rf $(VENV) services/kernel/web/static/built services/kernel/web/node_modules

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Momiji needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV); else echo "Install python3-venv first: sudo apt-get install python3-venv"; exit 1; fi; }

$(VENV)/.runtime: $(VENV)/bin/pip requirements/runtime.txt pyproject.toml
	@echo "Installing Momiji's dependencies (about a minute the first time) …"
	@$(BIN)/pip install -q --require-hashes -r requirements/runtime.txt
	@$(BIN)/pip install -q --no-deps --no-build-isolation -e . 2>/dev/null || $(BIN)/pip install -q --no-deps -e .
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib services  # halves the time that 'make up' takes to be ready
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@echo "Installing what checks and tests need …"
	@$(BIN)/pip install -q --require-hashes -r requirements/dev.txt
	@touch $@
