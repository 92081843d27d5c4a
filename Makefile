# Everything runs in .venv, which any target makes first. `make help` lists what there is.
BIN := .venv/bin
STAMP := .venv/.installed
# The first Python that is new enough; PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo $$p; break; fi; done)
ARGS ?=
# Slack's client for node, played by a test; without npm that test is skipped.
NODE_CLIENT := $(if $(shell command -v npm 2>/dev/null),tests/node/node_modules/.package-lock.json)
# A real OpenSearch node for tests, from Maven artifacts; without Java, Maven or the artifacts those tests are skipped.
OPENSEARCH_NODE := $(if $(and $(shell command -v java 2>/dev/null),$(shell command -v mvn 2>/dev/null)),tests/opensearch/target/jars/.complete)
# What moves are held to; each runs alone, too: python -m bench NAME
MOVE_SUITES := moves small-moves rollbacks foretold copying neighbours routes
PROTOS := $(wildcard protos/*/v1/*.proto)
# Tests wait more than they work: two processes share them, a file to one of them. What both showed is judged last.
TESTERS ?= 2
USUAL := "not long and not chaos"
SHOWN := .pytest_cache/shown
JUDGE := tests/contract/test_subtraction.py
# Whole files: tests of real platforms go on from where the one before left them.
FAILED = $(shell $(BIN)/python -c 'import json, pathlib; \
	names = json.loads(pathlib.Path(".pytest_cache/v/cache/lastfailed").read_text()); \
	print(*sorted({name.split("::")[0] for name in names} - {"$(JUDGE)"}))')
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.PHONY: help up down test test-again test-long lint types format protos methods bench bench-moves chaos chaos-moves imports kubernetes-tools golden clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: $(STAMP) ## start the platform here: control plane, router, two cells, a demo workspace (ARGS="--detach --cells 3")
	@$(BIN)/waggle up $(ARGS)

down: $(STAMP) ## stop what `make up` started; the data stays
	@$(BIN)/waggle down $(ARGS)

test: $(STAMP) $(NODE_CLIENT) $(OPENSEARCH_NODE) ## run all tests but long ones and chaos; the servers they need are started by them
	@rm -rf $(SHOWN)
	@$(BIN)/python -m pytest -m $(USUAL) -n $(TESTERS) --dist loadfile --no-loadscope-reorder --ignore $(JUDGE) --shown=$(SHOWN) $(ARGS)
	@$(if $(ARGS),,$(BIN)/python -m pytest -q $(JUDGE) --shown=$(SHOWN))

test-again: $(STAMP) ## run the files of what failed in the last `make test` again, one by one; what fails then has failed
	@$(if $(FAILED),$(BIN)/python -m pytest -v -m $(USUAL) --shown=$(SHOWN) $(ARGS) $(FAILED))
	@$(if $(ARGS),,$(BIN)/python -m pytest -q $(JUDGE) --shown=$(SHOWN))

test-long: $(STAMP) $(OPENSEARCH_NODE) ## run the tests that take a minute each: rollouts, rebalances, failovers, imports that are killed (5 min)
	@$(BIN)/python -m pytest -v -m "long and not chaos" $(ARGS)

lint: $(STAMP) ## style, and which package may import which
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: $(STAMP) ## mypy --strict
	@$(BIN)/mypy

format: $(STAMP) ## let ruff rewrite what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

protos: $(STAMP) ## generate the code of protos/ again
	@$(BIN)/python -m grpc_tools.protoc -I . --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc \
		--python_out=. --grpc_python_out=. --mypy_out=. --mypy_grpc_out=. $(PROTOS)

methods: $(STAMP) ## write docs/methods.md again, from the methods' declarations
	@$(BIN)/python -m cells.chat.slack.pages > docs/methods.md.new && mv docs/methods.md.new docs/methods.md

bench: $(STAMP) ## measure this machine; tables here, JSON in bench/results/
	@$(BIN)/python -m bench $(ARGS)

bench-moves: $(STAMP) ## measure moves against their bars, on a machine that does nothing else (15 min)
	@$(BIN)/python -m bench $(MOVE_SUITES) $(ARGS)

imports: $(STAMP) ## import a generated export of 100,000 messages with every trouble, and read it back equal
	@WAGGLE_TEST_IMPORT_MESSAGES=100000 $(BIN)/python -m pytest -o faulthandler_timeout=1800 tests/slice/test_import.py -k every_trouble $(ARGS)

chaos: $(STAMP) ## minutes of killing and pausing real processes
	@$(BIN)/python -m pytest -m chaos -o faulthandler_timeout=3600 --ignore-glob 'tests/chaos/test_[dm]*' $(ARGS)

chaos-moves: $(STAMP) ## kill -9 of every process at every edge of a move (40 min), and a deep search; docs/move-fault-matrix.md
	@WAGGLE_TEST_MOVES=20 $(BIN)/python -m pytest tests/system/test_move_reads.py -k many_moves
	@$(BIN)/python -m pytest -m chaos -o faulthandler_timeout=14400 -s tests/chaos/test_deep_search.py tests/chaos/test_move_matrix.py $(ARGS)

kubernetes-tools: ## build the Kubernetes API and helm that tests use (once, last in line for the processors; needs Go)
	@tests/kubernetes/modules/crds.sh
	@tests/kubernetes/modules/build.sh

golden: $(STAMP) ## write what the charts render again, to tests/helm/golden; read the difference before you commit it
	@WAGGLE_TEST_WRITE_GOLDEN=1 $(BIN)/python -m pytest -q tests/helm/test_golden.py

clean: ## remove the virtual environment and caches (not the data)
	rm -rf .venv tests/node/node_modules tests/opensearch/target .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info

tests/node/node_modules/.package-lock.json: tests/node/package-lock.json
	@echo "installing Slack's client for node into tests/node"
	@cd tests/node && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error && touch node_modules/.package-lock.json \
		|| echo "it could not be installed; the test that needs it is skipped" >&2

tests/opensearch/target/jars/.complete: tests/opensearch/pom.xml
	@echo "fetching OpenSearch's artifacts into tests/opensearch"
	@rm -rf tests/opensearch/target
	@if mvn -B -q -f tests/opensearch/pom.xml dependency:copy-dependencies -DoutputDirectory=target/jars >/dev/null; then touch $@; \
		else echo "make: OpenSearch's artifacts cannot be had; its tests are skipped"; fi

# Made again when the dependencies change. One that cannot start (moved, half made) is made anew.
$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer found; install one or say make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { echo "making .venv with $(PYTHON)"; $(PYTHON) -m venv --clear .venv; } \
		|| { echo "make: $(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "installing the pinned dependencies into .venv"
	@$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $(STAMP)
