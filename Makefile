# Two commands on a fresh machine: `make demo` and `make test`. Each makes .venv when it is missing.
PYTHON := $(shell for p in python3.14 python3.13 python3.12 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q install -c constraints.txt

.PHONY: demo test lint slow bench notebooks clean
.DELETE_ON_ERROR:

demo: .venv/package
	$(BIN)/clvmodels demo

test: .venv/dev
	$(BIN)/python -m pytest -n 2

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

slow: .venv/dev .venv/spark
	$(BIN)/python -m pytest -m slow

bench: .venv/benchmarks
	$(BIN)/python benchmarks/run.py

notebooks: .venv/notebooks
	$(BIN)/jupyter lab notebooks

clean:
	rm -rf .venv out

.venv/bin/python:
ifeq ($(PYTHON),)
	@echo "clvmodels needs Python 3.12 or newer and found none." >&2
	@echo "Install one (for example 'pyenv install 3.13', or your system's python3.13 and python3.13-venv) and try again." >&2
	@exit 1
endif
	$(PYTHON) -m venv .venv

.venv/package: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) -e .
	@touch $@

.venv/dev .venv/spark .venv/benchmarks .venv/notebooks: .venv/package
	$(PIP) -e '.[$(@F)]'
	@touch $@
