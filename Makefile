# Set-up, demo, tests. Everything lives in .venv; no system packages beyond Python 3.10-3.12 with venv are needed.
#   make PYTHON=/path/to/python3.11 TARGET    uses that interpreter instead of looking for one

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

PYTHON ?=
VENV := .venv
PY := $(VENV)/bin/python
VENV_0915 := .venv-0915
PYTEST_WORKERS ?= auto
PYTEST_ARGS ?=

# Prints the first command that is a working Python of one of the versions in $(1), then looks among pyenv's.
# A command may exist and still not run (a pyenv shim of an inactive version), so each candidate is started.
find_python = for candidate in $(2); do \
	"$$candidate" -c 'import sys; sys.exit("{}.{}".format(*sys.version_info[:2]) not in "$(1)".split())' \
		>/dev/null 2>&1 && { command -v "$$candidate"; break; }; done || true
PYENV_ROOT ?= $(HOME)/.pyenv
ANY_PYTHON := python3 python3.12 python3.11 python3.10 \
	$(foreach minor,12 11 10,$(wildcard $(PYENV_ROOT)/versions/3.$(minor).*/bin/python3))
PYTHON_310 := python3.10 $(wildcard $(PYENV_ROOT)/versions/3.10.*/bin/python3.10)

# What package indexes have as PyTorch for Linux brings gigabytes of CUDA libraries. Where no GPU of NVIDIA's is to be seen,
# PyTorch's own index is named as a second one: pip prefers its CPU build of the same version. An empty value names none.
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu
torch_option = for sign in /proc/driver/nvidia/version /dev/nvidiactl /dev/dxg; do [ ! -e $$sign ] || exit 0; done; \
	[ -z "$(TORCH_CPU_INDEX)" ] || ! "$(PY)" -c 'import urllib.request; \
		urllib.request.urlopen("$(TORCH_CPU_INDEX)/torch/", timeout=10)' >/dev/null 2>&1 \
		|| echo --extra-index-url "$(TORCH_CPU_INDEX)"

.NOTPARALLEL:
.PHONY: help demo test test-main test-0915 test-all lint format clean core models dev towns browser

help:  ## show this text
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

demo: models  ## let our policy drive two routes in unseen towns, print scores, infractions and paths
	@echo "== demo: the embedded simulator, and the policy of data/checkpoints on two routes; it takes two minutes and more"
	@$(PY) -m lead demo

test: test-0915 test-main  ## fast test suite, with both CARLA clients where Python 3.10 exists

test-main: dev towns browser
	@echo "== tests (fast suite)"
	@$(PY) -m pytest -n $(PYTEST_WORKERS) --dist loadfile --max-worker-restart 0 -m "not slow" $(PYTEST_ARGS)

test-all: dev towns browser test-0915  ## every test, also the slow ones
	@echo "== tests (all)"
	@$(PY) -m pytest -n $(PYTEST_WORKERS) --dist loadfile --max-worker-restart 0 $(PYTEST_ARGS)

test-0915: dev towns  ## client tests with the CARLA 0.9.15 client (needs Python 3.10)
	@python310="$$($(call find_python,3.10,$(PYTHON_310)))"; \
	if [ -z "$$python310" ]; then echo "== client tests with carla 0.9.15 skipped: no python3.10"; exit 0; fi; \
	$(MAKE) -s $(VENV_0915)/.stamp PYTHON_FOR_0915="$$python310"; \
	echo "== client tests with carla 0.9.15"; \
	LEAD_TEST_SERVER_PYTHON="$(abspath $(PY))" LEAD_TEST_CARLA_VERSION=0.9.15 \
		$(VENV_0915)/bin/python -m pytest -n $(PYTEST_WORKERS) --dist loadfile --max-worker-restart 0 -m "not slow" tests/client

lint: dev  ## ruff, mypy and the import rules between rooms
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

format: dev  ## let ruff format the code
	@$(VENV)/bin/ruff format
	@$(VENV)/bin/ruff check --fix

clean:  ## remove environments, caches and outputs (not the installed towns)
	rm -rf $(VENV) $(VENV_0915) outputs build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find lead tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

core: $(VENV)/.core.stamp
models: $(VENV)/.models.stamp
dev: $(VENV)/.dev.stamp

towns: core
	@$(PY) -m lead towns install all

# Succeeds also where there is no Chromium and none can be downloaded: then only the browser tests are skipped.
browser: dev  ## find a Chromium for the tests of the dashboard, or download one
	-@$(PY) tests/webapp/browser_support.py

$(PY):
	@if [ -n "$(PYTHON)" ]; then python="$$($(call find_python,3.10 3.11 3.12,$(PYTHON)))"; \
		[ -n "$$python" ] || { echo "make: PYTHON=$(PYTHON) is no working Python 3.10, 3.11 or 3.12" >&2; exit 1; }; \
	else python="$$($(call find_python,3.10 3.11 3.12,$(ANY_PYTHON)))"; \
		[ -n "$$python" ] || { echo "make: no Python 3.10, 3.11 or 3.12 found; install one, or name it with PYTHON=" >&2; exit 1; }; \
	fi; \
	"$$python" -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "make: $$python cannot make virtual environments; apt install python3-venv" >&2; exit 1; }; \
	echo "== making $(VENV) with $$python"; \
	"$$python" -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.core.stamp: pyproject.toml | $(PY)
	@echo "== installing LEAD and its libraries into $(VENV)"
	@$(PY) -m pip install -qq --disable-pip-version-check -e .
	@touch $@

$(VENV)/.models.stamp: pyproject.toml | $(PY)
	@echo "== installing LEAD with its networks into $(VENV)"
	@$(PY) -m pip install -qq --disable-pip-version-check $$($(torch_option)) -e '.[models]'
	@touch $@ $(VENV)/.core.stamp

$(VENV)/.dev.stamp: pyproject.toml | $(PY)
	@echo "== installing LEAD with its networks and development tools into $(VENV)"
	@$(PY) -m pip install -qq --disable-pip-version-check $$($(torch_option)) -e '.[dev,models]'
	@touch $@ $(VENV)/.core.stamp $(VENV)/.models.stamp

$(VENV_0915)/.stamp: Makefile
	@echo "== making $(VENV_0915) with $(PYTHON_FOR_0915)"
	@"$(PYTHON_FOR_0915)" -m venv --clear $(VENV_0915)
	@$(VENV_0915)/bin/python -m pip install -qq --disable-pip-version-check carla==0.9.15 numpy pytest pytest-timeout pytest-xdist
	@touch $@
