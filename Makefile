# Each target sets up what it needs: a fresh clone and Python 3.11 or later are enough.

PYTHON ?= python3
# Processes that pytest uses; 0 runs the tests in one process. A file stays in one of them, so that
# what it builds once is built once.
WORKERS ?= 2
PYTEST_ARGS ?=
BOUNDS := 3.11,lowest-direct 3.11,highest 3.13,lowest-direct 3.13,highest

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt
RUNTIME := $(VENV)/.stamp-runtime
DEV := $(VENV)/.stamp-dev
DECLARED := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help quickstart test lint format types imports docs wheel-check coverage release messages studies bounds dev clean distclean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

quickstart: $(RUNTIME) ## Run the quickstart study and write its report
	$(BIN)/vggstudy run protocols/quickstart.toml --study studies/quickstart --report

test: $(DEV) ## Run the tests, the check of the built wheel among them
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)

lint: $(DEV) ## Check the code's rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(DEV) ## Format the code and apply the safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(DEV) ## Check the types
	$(BIN)/mypy

imports: $(DEV) ## Check the import contract
	$(BIN)/lint-imports

docs: $(DEV) ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

wheel-check: $(DEV) ## Only build the wheel and run it in a clean environment
	$(BIN)/python -m pytest tests/test_packaging.py $(PYTEST_ARGS)

coverage: $(DEV) ## Simulate the coverage of the intervals (long)
	$(BIN)/python -m pytest -n $(WORKERS) -m coverage $(PYTEST_ARGS)

release: $(DEV) ## Build wheel, sdist, checksums, lock and bill of materials of the last commit into dist/
	$(PIP) -e '.[dev,release]'
	$(BIN)/python .ci/release.py dist

messages: $(DEV) ## Collect the report's messages, update and compile its catalogues
	$(BIN)/pybabel -q extract -F pyproject.toml -k mark -k Sentence -k Words -k Quantity --omit-header \
	  --add-location file --sort-by-file -w 98 -o report/locale/messages.pot report \
	  analysis/sentences analysis/data/phrases.py vggstudy/quantities.py
	$(BIN)/pybabel -q update --ignore-pot-creation-date --no-fuzzy-matching --ignore-obsolete -w 98 \
	  -i report/locale/messages.pot -d report/locale
	$(BIN)/pybabel -q compile -d report/locale

bounds: $(DEV) ## Try the lowest and the newest versions of all dependencies (downloads about 20 GB)
	for each in $(BOUNDS); do \
	  python=$${each%,*} resolution=$${each#*,} home=$(VENV)-$$python-$$resolution; \
	  rm -rf $$home && $(BIN)/uv venv -q --python $$python $$home || exit 1; \
	  $(BIN)/uv pip install -q --python $$home/bin/python --resolution $$resolution '.[train]' || exit 1; \
	  $(BIN)/python tests/bounds.py $$home/bin/python --train || exit 1; rm -rf $$home; done

studies: $(DEV) ## Run the small source studies and their reports (about ten minutes)
	$(BIN)/python -m pytest -m studies $(PYTEST_ARGS)

dev: $(DEV) ## Set up the development environment

clean: ## Remove what builds and tools left, keeping .venv and studies
	rm -rf build dist site htmlcov .coverage .coverage.* *.egg-info
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean ## The same, and the environment
	rm -rf $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "vggstudy needs Python 3.11 or later: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): $(DECLARED) | $(BIN)/python
	@echo "Installing vggstudy and PyTorch into $(VENV) (some minutes the first time)"
	$(PIP) -e '.[train]'
	@touch $@

$(DEV): $(DECLARED) | $(BIN)/python
	@echo "Installing vggstudy, PyTorch and the development tools into $(VENV) (some minutes the first time)"
	$(PIP) -e '.[dev]'
	@touch $(RUNTIME) $@
