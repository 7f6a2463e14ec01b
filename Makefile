# Every target creates .venv by itself when it is missing. `make` alone lists them.
# Variables: FORMEX=PATH (real files for quickstart), OUTPUT=PATH (where quickstart writes), PYTEST_ARGS="-k name",
#            and those of ./setup.sh: PROFILE, PYTHON, VENV.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help quickstart test lint format lock clean

VENV ?= .venv
# torchrun and the linters are found in the environment, activated or not
export PATH := $(abspath $(VENV))/bin:$(PATH)

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r target text; do printf 'make %-12s %s\n' "$$target" "$$text"; done
	@sed -n '2,3s/^# //p' Makefile

quickstart: ## the whole job, small, on this machine: data, training, comparison (FORMEX=PATH takes real files)
	./setup.sh
	$(VENV)/bin/python launch.py quickstart $(if $(FORMEX),--formex "$(FORMEX)") $(if $(OUTPUT),--output "$(OUTPUT)")

test: ## the tests, in a process a core (PYTEST_ARGS="-n 0": in one)
	./setup.sh --dev
	$(VENV)/bin/python -m pytest -n auto $(PYTEST_ARGS)

lint: ## style and types: ruff, mypy
	./setup.sh --dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: ## put the style right
	./setup.sh --dev
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

lock: ## work out requirements/constraints.txt again, with the newest versions that fit (needs uv on PATH)
	cd requirements && uv pip compile gpu.txt mac.txt dev.txt --universal --fork-strategy fewest \
	    --python-version 3.10 --no-annotate --upgrade -o constraints.txt

clean: ## remove the tools' caches; the environment and what the commands wrote stay
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +
