# Each target is complete on its own: it makes .venv if it is missing and installs what it needs, as constraints.txt says.
PYTHON ?= python3
BIN := .venv/bin
CORE := .venv/.core
DEV := .venv/.dev
HELPERS := $(patsubst %,benchmarks/%.py,claims scene attack_libraries attack_settings authors_code ensemble one_pass recipes engines many_clips)

.PHONY: demo test test-slow test-all test-browser check verify bench docs package supply-chain venv clean
.DELETE_ON_ERROR:

demo: $(CORE)
	$(BIN)/staanet demo

test: $(DEV)
	$(BIN)/pytest -n 2 --dist worksteal

test-slow: $(DEV)
	$(BIN)/pytest -n 2 --dist worksteal -m "(slow or corpus) and not browser" --durations=10

# Both in one run, which spares collecting the tests twice and waiting for the last of the everyday ones.
test-all: $(DEV)
	$(BIN)/pytest -n 2 --dist worksteal -m "not browser" --durations=10

# Needs Chromium; STAANET_AXE names the file axe.min.js of axe-core, without which accessibility is not checked.
test-browser: $(DEV)
	$(BIN)/pytest -m browser

check: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

verify: $(DEV)
	$(BIN)/python tools/verify

# torchattacks asks for torchvision, which nothing that is measured needs.
bench: $(DEV)
	$(BIN)/pip install --quiet --no-deps torchattacks==3.5.1
	for script in $(filter-out $(HELPERS),$(wildcard benchmarks/*.py)); do $(BIN)/python $$script || exit 1; done

docs: $(DEV)
	$(BIN)/python tools/website build/pages
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -j 2 -c docs/site build/pages build/docs
	@echo build/docs/index.html

package: $(DEV)
	rm -rf dist
	$(BIN)/hatchling build -d dist

# Hashes of all packages, their licences, an SBOM, and an audit, which needs the network.
supply-chain: $(DEV)
	tools/supply_chain/check.sh

venv: $(DEV)

# torch comes first and pinned: a later line would otherwise let pip choose another build of it.
$(CORE): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "expected Python 3.11 or later, got $$($(PYTHON) --version); run make PYTHON=python3.11"; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet "$$(grep '^torch==' constraints.txt)"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(DEV): $(CORE)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:
	rm -rf .venv runs dist build .*_cache src/*.egg-info
