# Two commands: `make claims` runs every claim against an optimizer, `make test` runs everything there is to run.
#   make claims OPTIMIZER=mypkg.optim:MyAdamW ARGS="-m probe"
#   make claims PYTHON=/their/env/bin/python OPTIMIZER=...      that environment, unchanged
#   make claims TORCH_INDEX=https://download.pytorch.org/whl/cpu   another torch wheel (first run only)
#   make record                                                 record goldens that are missing or have moved
OPTIMIZER ?=
ARGS ?=
REPORT ?= report
TORCH_INDEX ?=
BASE_PYTHON ?= python3

ifdef PYTHON
python := $(PYTHON)
ready := check-environment
else
python := .venv/bin/python
ready := .venv/ready
endif

pytest := $(python) -m pytest
subject := $(foreach one,$(OPTIMIZER),--optimizer $(one))

.PHONY: claims record test selftest lint types check-environment clean

claims: $(ready)
	$(pytest) tests/claims -n auto $(subject) --report $(REPORT) $(ARGS)

record: $(ready)
	$(pytest) tests/claims -n auto $(subject) --report $(REPORT) --snapshot-update $(ARGS)

test: claims selftest lint types

selftest: $(ready)
	$(pytest) tests/selftest -n auto

lint: $(ready)
	$(python) -m ruff check .
	$(python) -m ruff format --check .

types: $(ready)
	$(python) -m mypy

.venv/ready: constraints.txt
	@$(BASE_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "expected Python 3.11 or newer, got " + sys.version.split()[0] + "; choose one: make claims BASE_PYTHON=python3.12")'
	$(BASE_PYTHON) -m venv .venv
	$(python) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	$(python) -m pip install --quiet --disable-pip-version-check --requirement constraints.txt
	@touch .venv/ready

check-environment:
	@$(python) -m harness ready

clean:
	rm -rf .venv $(REPORT)
