# Two commands: `make claims` runs every claim against an optimizer, `make test` runs everything there is to run.
# `make help` lists all targets.
#   make claims OPTIMIZER=mypkg.optim:MyAdamW ARGS="-m probe"
#   make claims PYTHON=/their/env/bin/python OPTIMIZER=...      that environment, unchanged
#   make -f /path/to/decaygate/Makefile claims PYTHON=...       from your own folder, with its [tool.decaygate]
#   make fingerprint OPTIMIZER=mypkg.optim:MyAdamW              what an optimizer does, without training
#   make claims TORCH_INDEX=https://download.pytorch.org/whl/cpu   another torch wheel (first run only)
#   make kill-matrix                                            try every planted fault and every right optimizer
#   make record                                                 record goldens that are missing or have moved
#   make calibrate                                              calibrate the goldens of studies on 64 seeds (CPU hours)
OPTIMIZER ?=
ARGS ?=
root := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
REPORT ?= $(root)report
TORCH_INDEX ?=
BASE_PYTHON ?= python3

ifneq ($(words $(MAKEFILE_LIST)),1)
$(error the suite's folder has a space in its path, which make cannot handle: use the pytest line of the README)
endif

ifneq ($(origin PYTHON),undefined)
ifeq ($(strip $(PYTHON)),)
$(error PYTHON is empty: name a python, as in PYTHON=python3 or PYTHON=/their/env/bin/python)
endif
python := $(PYTHON)
ready := check-environment
else
python := $(root).venv/bin/python
ready := $(root).venv/ready
endif

# -P, -c and --rootdir: a folder's own harness/, tests/ or pytest settings are not ours. Nor are these two of its shell.
unexport PYTEST_ADDOPTS
unexport PYTHONWARNINGS
pytest := $(python) -P -m pytest -c $(root)pyproject.toml --rootdir $(root)
subject := $(foreach one,$(OPTIMIZER),--optimizer=$(one))

.PHONY: help claims fingerprint record calibrate test selftest kill-matrix lint types check-environment clean

# claims is the target of a bare `make`. A text after ## is the target's line in the help.
claims: $(ready) ## run every claim, against torch's optimizers or OPTIMIZER=...
	$(pytest) $(root)tests/claims -n auto $(subject) --report=$(REPORT) $(ARGS)

record: $(ready) ## record goldens that are missing or have moved
	$(pytest) $(root)tests/claims -n auto $(subject) --report=$(REPORT) --snapshot-update $(ARGS)

calibrate: $(ready) ## calibrate the goldens of studies on 64 seeds (CPU hours)
	@$(python) $(root)harness calibrate $(subject) $(ARGS)

fingerprint: $(ready) ## print what OPTIMIZER=... does, without training
	@$(python) $(root)harness fingerprint $(OPTIMIZER) $(ARGS)

test: claims selftest lint types ## run everything: claims, self-tests, lint and types

selftest: $(ready) ## run the tests of the suite itself
	$(pytest) $(root)tests/selftest -n auto --dist worksteal

kill-matrix: $(ready) ## try every planted fault and every right optimizer
	cd $(root) && $(python) -m benchmarks.kill_matrix --write docs/results

lint: $(ready) ## check style and format
	$(python) -m ruff check $(root)
	$(python) -m ruff format --check $(root)

types: $(ready) ## check types
	cd $(root) && $(python) -m mypy

$(root).venv/ready: $(root)constraints.txt
	@$(BASE_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "expected Python 3.11 or newer, got " + sys.version.split()[0] + "; choose one: make claims BASE_PYTHON=python3.12")'
	$(BASE_PYTHON) -m venv $(root).venv
	$(python) -m pip install --quiet --disable-pip-version-check --constraint $(root)constraints.txt torch $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	$(python) -m pip install --quiet --disable-pip-version-check --requirement $(root)constraints.txt
	@touch $(root).venv/ready

check-environment: ## print which packages PYTHON=... lacks
	@$(python) $(root)harness ready

clean: ## delete .venv and report
	rm -rf $(root).venv $(root)report

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-20s%s\n", $$1, $$2}' $(root)Makefile
