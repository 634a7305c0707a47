# Kefu: everything a developer or a newcomer types. `make` alone prints this help.
.DEFAULT_GOAL := help
SHELL := /bin/bash
# Hundreds of processes start in the tests: each would compile all of its modules anew.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CACHE ?= $(or $(KEFU_CACHE_DIR),$(HOME)/.cache/kefu)
# Tests mostly wait for phones, pages and databases: two files at a time keep two cores busy.
JOBS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

# Programs that come from the system's packages: program → Debian package.
DEMO_PACKAGES := python3-venv mmdebstrap uidmap espeak-ng sox
SYSTEM_PACKAGES := $(DEMO_PACKAGES) sip-tester curl procps chromium-headless-shell fonts-noto-cjk libatomic1 postgresql
# An ordinary user is told of all packages at once; root gets first what the rest can go on beside.
FIRST_PACKAGES := $(if $(filter 0,$(shell id -u)),$(DEMO_PACKAGES),$(SYSTEM_PACKAGES))
TOGETHER := @$(MAKE) --no-print-directory -j4 --output-sync

##@ Start here
.PHONY: help demo demo-system
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} /^[a-zA-Z_-]+:.*## / {printf "  \033[36m%-18s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: demo-system python assets ## A whole call center on this machine, with simulated callers and agents
	@$(BIN)/kefu demo $(DEMO)

demo-system:
	@.ci/install-system-packages $(DEMO_PACKAGES)

##@ Set up
.PHONY: setup first-packages system python assets prompts asterisk asterisk-22 asterisk-16
setup: first-packages ## Install everything: system packages, Python, web assets, prompts, private Asterisk
	$(TOGETHER) system python assets prompts asterisk

first-packages:
	@.ci/install-system-packages $(FIRST_PACKAGES)

system: ## Install the Debian packages that tests and demo need (as root, else says which)
	@.ci/install-system-packages $(SYSTEM_PACKAGES)

python: $(BIN)/.installed ## Create the virtual environment from the lock

$(BIN)/.installed: .ci/requirements.lock setup.cfg
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .ci/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

ASSET_SOURCES := $(shell find crm/web/assets -type f -not -path '*/node_modules/*' 2>/dev/null)
assets: crm/web/static/.built crm/locale/.compiled ## Build the browser's files and the message catalogs

crm/web/static/.built: $(BIN)/.installed $(ASSET_SOURCES)
	cd crm/web/assets && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent --no-audit --no-fund && PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent build
	@touch $@

crm/locale/.compiled: $(BIN)/.installed $(shell find crm/locale -name '*.po' 2>/dev/null)
	$(BIN)/pybabel --quiet compile --directory crm/locale --domain messages --statistics >/dev/null
	@touch $@

prompts: python ## Speak the prompts in both languages (only those that changed)
	$(BIN)/kefu prompts build --to $(CACHE)/prompts

asterisk: asterisk-22 asterisk-16 ## Build the private Asterisk 22, and 16 for its tests, once (kept in the cache folder)

asterisk-22 asterisk-16: asterisk-%: python
	$(BIN)/kefu pbx sandbox build --asterisk $*

##@ Testing and quality
.PHONY: test check lint types house conf test-all test-pure test-postgres test-debian-postgres test-asterisk prove chaos test-browser benchmarks
test: first-packages ## Install everything, then check and test everything (what CI runs)
	$(TOGETHER) system python assets prompts asterisk check
	@$(MAKE) --no-print-directory test-all

check: lint types house conf ## Lint, types, import contracts, dialplan and menus

lint: python ## ruff: style and likely bugs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: python ## mypy, strict
	$(BIN)/mypy

house: python ## Import contracts: which room may know which
	$(BIN)/lint-imports

conf: python crm/locale/.compiled ## Lint the dialplan, menus and prompts
	$(BIN)/kefu pbx check
	$(BIN)/kefu ivr check
	$(BIN)/kefu ivr test
	$(BIN)/kefu prompts check

test-all: ## All tests with coverage (installs nothing)
	@JOBS=$(JOBS) .ci/test-all

test-pure: ## Tests that need no service (seconds)
	$(PYTEST) tests/pure

test-postgres: ## Tests of rows and pages, on the embedded Postgres
	$(PYTEST) tests/postgres

test-debian-postgres: ## The same on Debian's PostgreSQL
	$(PYTEST) tests/postgres --postgres debian

test-asterisk: ## Tests on a private Asterisk with SIPp
	$(PYTEST) tests/asterisk

prove: test-postgres ## Every test marked `proof`; kill and freeze everything under running calls, again and again; a million broken messages; a minute without Postgres; thousands of made-up requests (make prove ROUNDS=20)
	$(BIN)/python -m pytest -q -m proof -o faulthandler_timeout=3600
	$(BIN)/python tests/asterisk/prove_survival.py --rounds $(or $(ROUNDS),5)
	$(BIN)/python tests/traces/prove_floor.py
	KEFU_TEST_REGIONS=all $(BIN)/python -m pytest -q tests/postgres/test_numbers_from_outside.py
	KEFU_TEST_STALL_SECONDS=60 $(BIN)/python -m pytest -q -s tests/postgres/test_stalled_database.py
	KEFU_TEST_FALLS=7 $(BIN)/python -m pytest -q -s -m '' tests/asterisk/test_ivr_fails_open.py
	KEFU_TEST_WALKS=100 $(BIN)/python -m pytest -q -m '' tests/asterisk/test_menu_walks.py tests/asterisk/test_menu_by_sip.py
	KEFU_TEST_EXAMPLES=200 $(BIN)/python -m pytest -q -s tests/pure tests/postgres/test_api_contract.py
	$(MAKE) chaos

chaos: ## 2 000 real calls while the bridge, AMI, Postgres and Asterisk fall, then ledger against truth (make chaos CHAOS="--calls 100 --kills 2")
	$(BIN)/python tests/asterisk/prove_chaos.py $(CHAOS)

test-browser: ## Tests in Chromium
	$(PYTEST) tests/browser

benchmarks: ## Print the benchmarks: ratios measured in one run
	@for bench in tests/benchmarks/[a-z]*.py; do echo "== $$bench"; $(BIN)/python $$bench || exit 1; done

##@ Work
.PHONY: lock build clean
lock: python ## Pin all dependencies anew into .ci/requirements.lock
	$(BIN)/pip-compile --quiet --extra dev --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --output-file .ci/requirements.lock setup.cfg

build: assets ## Build sdist and wheel into dist/
	$(BIN)/python -m build --no-isolation

clean: ## Remove what was built here (the cache folder stays)
	rm -rf $(VENV) build dist *.egg-info crm/web/static crm/web/assets/node_modules .mypy_cache .ruff_cache .pytest_cache .coverage*
