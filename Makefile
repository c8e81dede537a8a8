# The two commands: `make demo` and `make test`. Everything they need is set up in .venv and web_demo/node_modules.
#
#   make demo                              the main job on a synthetic shop, then the page on localhost
#   make demo KIND=video                   the same on synthetic videos; KIND=articles on articles
#   make demo DATA=../my-shop NO_SERVE=1   the same on a folder of yours, ends after the table
#   make test                              all tests, the browser's included; WORKERS=8 where there are eight cores
#   make check                             format, lint, types, import contracts

SHELL := /bin/bash
PYTHON ?= python3.11
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pocketrec
WHEELS := $(CACHE)/wheels
OLD_BOARD := $(CACHE)/old-board
FLOWER := $(CACHE)/flower
BIN := .venv/bin
LLAMA := 0.3.36

DATA ?=
KIND ?=
OUT ?=
NO_SERVE ?=
WORKERS ?= 2
# The tests write durably again and again: in memory, where there is enough, none of them waits for a disk.
IN_MEMORY := $(shell df --output=avail -B1M /dev/shm 2>/dev/null | awk 'NR == 2 && $$1 > 6000' | grep -q . && \
	test -w /dev/shm && ! findmnt -n -o OPTIONS /dev/shm | grep -q noexec && echo TMPDIR=/dev/shm)
# Slow files come first (tests/conftest.py), so that all processes end at about the same time.
PYTEST = $(IN_MEMORY) OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=20
# Coverage doubles the time of everything in the process: only what is measured is run with it (pyproject.toml).
COVERED := tests/edge_runtime tests/server
DEMO_FLAGS = $(if $(DATA),--data '$(DATA)') $(if $(KIND),--kind '$(KIND)') $(if $(OUT),--out '$(OUT)') $(if $(NO_SERVE),--no-serve)

# pip does not look for a newer version of itself (docs/privacy.md); for npm, see web_demo/.npmrc.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Hundreds of processes are started by the tests: each would compile our modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup web old-board-env flower-env chromium postgresql demo test check format bench-beauty clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: .venv/.ready web ## The virtual environment with everything, and the page

# The llama.cpp binding exists as source only: some minutes of compiling, kept outside the tree for the next checkout.
# GGML_NATIVE=OFF: a wheel compiled for this processor would crash on an older one.
$(WHEELS)/llama_cpp_python-$(LLAMA).done:
	@mkdir -p $(WHEELS)
	@if ! ls $(WHEELS)/llama_cpp_python-$(LLAMA)-*.whl >/dev/null 2>&1; then \
		echo "Compiling llama-cpp-python $(LLAMA), once for this machine (some minutes) ..."; \
		CMAKE_ARGS="-DLLAVA_BUILD=OFF -DGGML_NATIVE=OFF -DLLAMA_OPENSSL=OFF" \
			$(BIN)/pip wheel --quiet --no-deps -w $(WHEELS) llama-cpp-python==$(LLAMA); \
	fi
	@touch $@

.venv/bin/pip:
	$(PYTHON) -m venv .venv

.venv/.ready: .venv/bin/pip pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory $(WHEELS)/llama_cpp_python-$(LLAMA).done
	$(BIN)/pip install --quiet pip==25.3  # dependency groups need 25.1
	$(BIN)/pip install --quiet --find-links $(WHEELS) -c constraints.txt torch==2.13.0 llama-cpp-python==$(LLAMA)
	$(BIN)/pip install --quiet --find-links $(WHEELS) -c constraints.txt -e '.[llm,onnxruntime,tflite]' --group export --group server --group object-storage --group dev
	$(BIN)/pip check
	@touch $@

web: web_demo/dist/index.html ## Build the page

web_demo/node_modules/.ready: web_demo/.npmrc web_demo/package.json web_demo/package-lock.json
	cd web_demo && npm ci
	@touch $@

web_demo/dist/index.html: web_demo/node_modules/.ready $(wildcard edge_runtime/reasons/*.json) $(shell find web_demo/src web_demo/public web_demo/scripts web_demo/*.ts web_demo/*.html web_demo/*.json -type f 2>/dev/null)
	cd web_demo && npm run --silent build
	@touch $@

chromium: ## Debian's browser, for the page's tests
	@command -v chromium >/dev/null || { echo "Installing Chromium for the browser's tests ..."; \
		if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; \
		else echo "chromium is missing; install it: sudo apt-get install chromium" >&2; exit 1; fi; }

postgresql: ## Debian's PostgreSQL, for the server's tests, which start it on a socket of their own
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { \
		echo "Installing PostgreSQL for the server's tests ..."; \
		if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql; \
		else echo "PostgreSQL is missing, its tests are skipped; to run them: sudo apt-get install postgresql" >&2; fi; }

old-board-env: $(OLD_BOARD)/.ready ## The environment of old boards: tflite-runtime 2.14 under numpy 1

$(OLD_BOARD)/.ready:
	$(PYTHON) -m venv $(OLD_BOARD)
	$(OLD_BOARD)/bin/pip install --quiet tflite-runtime==2.14.0 numpy==1.26.4
	@touch $@

# Flower pins other versions of typer and protobuf than ours. It is needed above one region only (docs/rounds.md).
flower-env: $(FLOWER)/.ready ## The environment of Flower 1.42, for rounds of several regions

$(FLOWER)/.ready:
	$(PYTHON) -m venv $(FLOWER)
	$(FLOWER)/bin/pip install --quiet flwr==1.42.0
	@touch $@

demo: setup ## The main job: train, distil, export, verify, serve
	$(BIN)/pocketrec demo $(DEMO_FLAGS)

test: setup chromium postgresql old-board-env ## All tests, the browser's included
	cd web_demo && npm test --silent
	$(PYTEST) $(COVERED) --cov --cov-report=term; first=$$?; \
		$(PYTEST) $(addprefix --ignore=,$(COVERED)) && exit $$first

check: setup ## Format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd web_demo && npm run --silent check

format: setup ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench-beauty: setup ## The README's table on Beauty: make bench-beauty DATA=../shared/data/beauty
	@test -n "$(DATA)" || { echo "Name the data folder: make bench-beauty DATA=FOLDER" >&2; exit 2; }
	$(BIN)/python -m benchmarks.main_job --data '$(DATA)' --out build/bench

clean: ## Everything that was built here (the cache of wheels stays)
	rm -rf build web_demo/dist .mypy_cache .pytest_cache .ruff_cache
