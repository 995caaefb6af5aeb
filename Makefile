# Everything a person needs starts here; `make help` lists it.
# On a fresh Debian machine `make run` and `make test` install what they need (packages with apt when root).

VENV   := .venv
PY     := $(VENV)/bin/python
ARGS   ?=
BENCH  ?=
T      ?=
LAB_ZFS ?= 2.3
export LAB_ZFS

.DEFAULT_GOAL := help
.PHONY: help run test test-all test-fast matrix lint format bench lab venv lock docs install uninstall clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 14

venv: $(VENV)/.ready

$(VENV)/.ready: requirements-dev.lock pyproject.toml packaging/bootstrap.sh
	@packaging/bootstrap.sh $(VENV)

run: venv ## open the console: on this machine if it has ZFS, else on the practice pair's nas-a (ARGS=… is passed on)
	@$(PY) -m lab.run $(ARGS)

test: venv ## the tests, fast ones first, without the long ones of the practice pair, which is built when needed (LAB_ZFS=2.1: its tests on that ZFS)
	@packaging/test.sh $(T)

test-all: venv ## also the long tests of the pair (hours)
	@DPLANE_ALL_TESTS=1 packaging/test.sh

matrix: venv ## kills at every command boundary of a run on the pair, other faults where they matter (hours); writes docs/fault-matrix.md
	@packaging/test.sh -s -m matrix tests/lab/test_fault_matrix.py tests/lab/test_fault_matrix_pull.py

test-fast: venv ## only the tests that need neither the practice pair nor Docker
	@$(PY) -m pytest -q -m "not lab and not docker" $(T)

lint: venv ## ruff (format and lint), mypy strict, import contracts
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: venv ## let ruff format and fix
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

bench: venv ## measure (BENCH=name for one); writes bench/results.json
	@$(PY) -m bench $(BENCH)

lab: venv ## build the practice pair and start it
	@lab/lab build && lab/lab up && lab/lab status

docs: venv ## write the generated pages again
	@$(PY) -m privhelper docs > docs/privileged-surface.md

lock: venv ## resolve the lock files again
	$(VENV)/bin/uv pip compile pyproject.toml --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header -o requirements.lock -q
	$(VENV)/bin/uv pip compile pyproject.toml --extra dev --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header -c requirements.lock -o requirements-dev.lock -q

install: ## install the product on this machine (as root)
	@packaging/install.sh

uninstall: ## remove it; data stays unless PURGE=1
	@packaging/uninstall.sh $(if $(PURGE),--purge)

clean: ## remove what was built inside the checkout
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
