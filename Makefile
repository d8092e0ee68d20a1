# One command each. `make demo` and `make test` set up what they need on a fresh Debian 12.
PYTHON := .venv/bin/python

.PHONY: help setup demo test check docs bench pictures packages clean

help:
	@echo "make demo          a real chain, a real crash, a real takeover; KEEP=1 leaves it running"
	@echo "make test          the whole test suite"
	@echo "make check         format, lint, types, layers and the fast tests"
	@echo "make docs          writes docs/reference and the PrometheusRule from their sources"
	@echo "make bench ROW=x  one benchmark beside its peer; rows: bench/README.md"
	@echo "make pictures      draws the dashboards for docs/images from live data; downloads 421 MB"
	@echo "make packages      wheel and sdist into dist/, tried on every Python that is here"
	@echo "make clean         remove everything that make put into this folder"

setup:
	@lab/setup.sh

demo:
	@lab/setup.sh demo
	@$(PYTHON) -m lab.demo $(if $(KEEP),--keep)

test: setup
	@$(PYTHON) -m lab.suite

check: setup
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	$(PYTHON) -m pytest -q tests/unit tests/contract tests/conformance

docs: setup
	@$(PYTHON) -m docs.generate
	@$(PYTHON) -m alerting.export --write

bench:
	@test -n "$(ROW)" || { echo "write make bench ROW=name; names: bench/README.md"; exit 2; }
	@lab/setup.sh bench
	@$(PYTHON) -m bench.$(subst -,_,$(ROW))

pictures: setup
	@$(PYTHON) -m lab.board_pictures

packages: setup
	@$(PYTHON) -m lab.packages

clean:
	rm -rf .venv .lab .demo .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	rm -rf build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
