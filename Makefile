# Every door of a checkout. `make help` lists them. Nothing needs root; as root the private servers run as `nobody`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= $(firstword $(foreach name,python3.11 python3 python3.12 python3.13,$(shell command -v $(name))))
VENV := .venv
PY := $(VENV)/bin/python

# Where Python must not leave bytecode beside the sources, every start of every program would compile all of it again:
# two thirds of the time that a control worker needs to start. So it gets a place of its own.
ifneq ($(PYTHONDONTWRITEBYTECODE),)
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/build/bytecode
endif

# A stamp's name says what was installed: the wanted packages, their pins, this folder (an editable install points
# at it) and the interpreter. So a second call is instant, and any change installs anew.
KEY := $(shell { cat pyproject.toml constraints.txt; pwd; '$(PYTHON)' --version; } 2>&1 | sha256sum | cut -c1-16)
FULL := $(VENV)/.installed-full-$(KEY)
CORE := $(if $(wildcard $(FULL)),$(FULL),$(VENV)/.installed-core-$(KEY))

ARGS ?=

# $(1) extras, $(2) what to call it. pip reads the machine's own configuration; its words are shown when it fails.
define install
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Vitrine needs Python 3.11 or newer; name one with make PYTHON=/path/to/python3.11"; exit 1; }; \
	if ! $(PY) -m pip --version >/dev/null 2>&1; then \
	  '$(PYTHON)' -m venv --clear $(VENV) >/dev/null 2>&1 \
	    || { '$(PYTHON)' -m venv --clear --without-pip $(VENV) \
	         && '$(PYTHON)' -m pip --python $(PY) install --quiet --disable-pip-version-check pip; } \
	    || { echo "No virtual environment can be made. On Debian: apt-get install python3-venv"; exit 1; }; \
	fi; \
	echo "Installing $(2) into $(VENV), versions from constraints.txt. The first time this takes about a minute."; \
	started=$$SECONDS; \
	if ! $(PY) -m pip install --no-input --disable-pip-version-check --no-compile --progress-bar off \
	     -c constraints.txt -e '.[$(1)]' >$(VENV)/pip.log 2>&1; then \
	  cat $(VENV)/pip.log; echo "pip failed; its words are above and in $(VENV)/pip.log"; exit 1; \
	fi; \
	rm -f $(VENV)/.installed-*; touch $@; \
	echo "Installed in $$((SECONDS - started)) s."
endef
comma := ,

$(VENV)/.installed-core-$(KEY):
	$(call install,embedded,the core)

$(FULL):
	$(call install,embedded$(comma)gpu$(comma)dev,everything (torch and the tests' tools too))

.PHONY: help setup chromium shopify-schema demo clean-demo up test bench chaos faults check format lock

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

setup: $(FULL) chromium ## make .venv with every extra, find or install Chromium

chromium:
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do \
	  if command -v $$name >/dev/null; then exit 0; fi; \
	done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Chromium for the browser tests."; \
	  if { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium; } \
	     >$(VENV)/chromium.log 2>&1; then exit 0; fi; \
	  tail -n 5 $(VENV)/chromium.log; \
	fi; \
	echo "No Chromium here, so the browser tests will fail. Install one (Debian: apt-get install chromium)," ; \
	echo "or set VITRINE_NO_BROWSER=1 to leave those tests out."

demo: $(CORE) ## set up the core, run the main job and stay up [ONCE=1] [PHOTOS=dir] [PORT=8000]
	@$(if $(ONCE),ONCE='$(ONCE)') $(if $(PHOTOS),PHOTOS='$(PHOTOS)') $(if $(PORT),PORT='$(PORT)') $(PY) manage.py demo

clean-demo: $(CORE) ## forget what the demo kept
	@$(PY) manage.py demo --forget

up: $(CORE) ## run everything on this machine until Ctrl-C
	@$(PY) manage.py up

# Where it can't be had the tests that need it say so; on a build server (VITRINE_MUST_HAVE_SCHEMAS) they fail.
shopify-schema: $(FULL) ## fetch the schema that Shopify publishes, for tests, once per version
	@$(PY) -m connectors.sandbox.shopify.published || [ -z "$${VITRINE_MUST_HAVE_SCHEMAS:-}" ]

# Three at once on two cores: while one waits for a store, a server or the disk, another goes on.
test: setup shopify-schema ## set up all, run every test [ARGS=...]
	@$(PY) -m pytest -n 3 $(ARGS)

# stdout is for figures alone, so what installing says goes to stderr.
bench: ## measure: JSON lines on stdout, a report in build/bench [ONLY=cutout|intake|batch|pages|catalog|burst|shopify|embedded] [BENCH_DATA=dir] [ARGS=...]
	@$(MAKE) -s $(CORE) >&2
	@$(PY) -m benchmarks $(subst $(comma), ,$(ONLY)) $(if $(BENCH_DATA),--data '$(BENCH_DATA)') $(ARGS)

# The same: stdout has one JSON object per seed, progress goes to stderr.
chaos: ## kill everything while it works, then count what was lost [SEEDS=5] [JOBS=1000] [ARGS=...]
	@$(MAKE) -s $(CORE) >&2
	@$(PY) -m chaos $(if $(SEEDS),--seeds $(SEEDS)) $(if $(JOBS),--jobs $(JOBS)) $(ARGS)

faults: $(FULL) ## each step of a write × each fault, killed writers among them; prints the table [DELAY=30: answers that slow alone]
	@VITRINE_FAULTS=all $(if $(DELAY),VITRINE_FAULT_DELAY_S='$(DELAY)') $(PY) -m pytest -n 2 $(if $(DELAY),--timeout 600) \
	  tests/flow/test_fault_matrix.py $(ARGS)

check: $(FULL) ## format, lint, types, import contracts, system checks, migrations
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports
	@$(PY) manage.py check
	@$(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run  # it warns where no database runs

format: $(FULL) ## write what `check` would ask for
	@$(PY) -m ruff check --fix-only .
	@$(PY) -m ruff format .

# torch keeps its own exact pin in pyproject.toml: its build differs from machine to machine.
lock: ## write constraints.txt from what is installed in .venv
	@{ echo "# Exact versions of everything, indirect ones too. Written by \`make lock\`."; \
	   $(PY) -m pip freeze --all --exclude-editable --disable-pip-version-check \
	     | grep -vE '^(torch|nvidia-[a-z0-9-]+|triton|pip|vitrine)(==| @)'; } >constraints.new
	@mv constraints.new constraints.txt
