# `make book` builds the book and `make test` checks everything, both from a bare machine.
# `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A source of smaller builds of torch: make book TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
# Further arguments: make book ARGS="--dataset my.csv -p alpha=0.4", make lab ARGS=--no-browser
ARGS ?=
# What `make lab` opens
CHAPTER ?= book/slider.md

# A test on every core, each with one thread: threads that wait for each other keep cores busy.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/pytest -n logical --maxprocesses 8 --dist worksteal

EXTRA_INDEX = $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
INSTALL = $(BIN)/python -m pip install --quiet $(EXTRA_INDEX) -c constraints.txt
# nbconvert draws figures; an editable installation does not bring the file that says so
CONFIGURE = mkdir -p $(VENV)/etc/jupyter && \
	cp btsr_core/book/jupyter_nbconvert_config.json $(VENV)/etc/jupyter
MADE := $(VENV)/.made
WITH_BOOK := $(VENV)/.installed-book
WITH_DEV := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help book lab study test lint format types unit notebooks browser bench lock clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 12

book: $(WITH_BOOK)  ## execute the chapters that changed and build _build/html
	@$(BIN)/python -m btsr_core.book.build $(ARGS)

lab: $(WITH_BOOK)  ## open the chapters in JupyterLab, at CHAPTER=book/....md
	@mkdir -p $(VENV)/share/jupyter/lab/settings
	@echo '{"@jupyterlab/docmanager-extension:plugin": {"defaultViewers": {"markdown": "Jupytext Notebook"}}}' \
		> $(VENV)/share/jupyter/lab/settings/overrides.json  # a double click opens a notebook
	@$(BIN)/jupyter lab $(ARGS) $(CHAPTER)

study: $(WITH_BOOK)  ## train and record what the study lacks; ARGS="--status" says what that is
	@$(BIN)/btsr study $(ARGS)

test: lint types unit notebooks browser  ## run every check

lint: $(WITH_DEV)  ## ruff: errors, style, format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(WITH_DEV)  ## rewrite the code in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(WITH_DEV)  ## mypy
	$(BIN)/mypy

unit: $(WITH_DEV)  ## tests of the package
	$(PYTEST) tests -m "not browser and not notebooks"

notebooks: $(WITH_DEV) book  ## execute the chapters again, on the runs that the book made
	@rm -rf _build/nbval && mkdir -p _build/nbval
	@cp _build/stage/book/*.ipynb _build/nbval
	$(PYTEST) tests -m notebooks
	$(PYTEST) --dist loadfile --nbval-lax _build/nbval

browser: $(WITH_DEV) book  ## open every page of the book in a browser
	$(PYTEST) tests -m browser -rs

bench: $(WITH_DEV)  ## measure speed and memory beside other libraries: benchmarks/README.md
	@$(BIN)/python -m benchmarks $(if $(TORCH_INDEX),--torch-index $(TORCH_INDEX)) $(ARGS)

lock: $(MADE)  ## write constraints.txt anew, from the newest versions that pyproject.toml allows
	@rm -rf _build/lock && $(BIN)/python -m venv _build/lock
	@_build/lock/bin/python -m pip install --quiet $(EXTRA_INDEX) -e '.[book,dev]'
	@{ sed '/^[^#]/,$$d' constraints.txt; _build/lock/bin/python -m pip freeze --exclude-editable \
		| sed -E 's/\+[a-z0-9.]+$$//'; } > _build/constraints.txt
	@mv _build/constraints.txt constraints.txt

clean:  ## remove what was built; runs/ and .venv stay
	rm -rf _build .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
		echo "Python 3.11, 3.12 or 3.13 is needed; $(PYTHON) is another or missing." \
			"Try make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "No virtual environment could be made; on Debian and Ubuntu: apt install python3-venv" >&2; \
		exit 1; }
	@touch $@

$(WITH_BOOK): $(MADE) pyproject.toml constraints.txt
	@echo "Installing into $(VENV); the first time takes some minutes"
	@$(INSTALL) -e '.[book]'
	@$(CONFIGURE)
	@touch $@

$(WITH_DEV): $(MADE) pyproject.toml constraints.txt
	@echo "Installing into $(VENV), with what the tests need"
	@$(INSTALL) -e '.[book,dev]'
	@$(CONFIGURE)
	@touch $(WITH_BOOK) $@
