# Everything from a fresh clone, with python3.11+, git and make: `make demo`, `make test`.
PYTHON ?= python3
BIN := .venv/bin
export UV_PYTHON_DOWNLOADS := never

# Where a container sets it, each of the thousand processes of a test run would compile what it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help env demo test coverage check bench lock schema screenshot clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

env: .venv/.synced ## make .venv and install the lock

.venv/.synced: uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "python3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet "$$(sed -n '/^name = "uv"$$/{n;s/version = "\(.*\)"/uv==\1/p}' uv.lock)"
	$(BIN)/uv sync --frozen --quiet
	@touch $@

demo: env ## both arms of the demo and its report: no key, no network, no Docker
	$(BIN)/python -m contexttune -m experiment=demo
	$(BIN)/python -m contexttune task=report group_id=demo-local

test: env ## all tests; those whose engine is missing are skipped, unless CONTEXTTUNE_REQUIRE names it
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations=20

coverage: env ## branch coverage of the package by all processes that the tests start (TESTS="tests/report")
	rm -f .coverage .coverage.*
	COVERAGE_FILE=$(CURDIR)/.coverage $(BIN)/coverage run -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(TESTS) || true
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage json --quiet -o .coverage.json
	$(BIN)/python -c 'import json; print({k: v for k, v in json.load(open(".coverage.json"))["totals"].items() if "branches" in k or "statements" in k})'

check: env ## what must be green before a commit: ruff, mypy, the fast tests
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not docker and not podman and not slurm and not slow"

bench: env ## speed and memory, as ratios measured in one run (BENCH="--repo GIT_DIR --commit SHA --second SHA")
	$(BIN)/python -m benchmarks $(BENCH)

lock: ## after a change of dependencies: uv.lock and requirements.txt
	$(BIN)/uv lock
	$(BIN)/uv export --frozen --quiet --no-dev --no-hashes --output-file requirements.txt

schema: env ## after a change of summary.json: docs/summary.schema.json
	$(BIN)/python -m contexttune.report.summary_schema docs/summary.schema.json

screenshot: env ## docs/report.png, the picture in the README, from the demo (needs Chromium)
	$(BIN)/python scripts/report_screenshot.py

clean: ## remove the environment and the demo's output
	rm -rf .venv cache artifacts/preds/demo-* results/demo-* multirun/demo-*
