# make demo   see the main job done, from nothing: sets up a virtual environment and runs it
# make test   set up a virtual environment and run the test suite
PYTHON ?= python3
VENV := .venv
DEMO := .venv-demo
LIVE := .venv-live
LIVE_MORE := .venv-live-more
RECIPES := .venv-recipes
BENCHMARKS := .venv-benchmarks
# A file's tests stay together until a worker has nothing left to do; more workers than processors, for some tests wait.
PARALLEL := -n auto --dist worksteal
NODE := tests/node/node_modules

.DEFAULT_GOAL := help
.PHONY: help demo demo-relay test greenlets test-sdk lint bench bench-relay soak soak-relay docs build browser live node recipes pictures matrix clean

help: ## Show this list.
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

demo: $(DEMO)/.ready ## Run the demo: a real agent app, zero-code, into the local intake.
	$(DEMO)/bin/python -m braintrust_run_output.local.demo

demo-relay: $(DEMO)/.ready ## Run the relay's demo: a root in Node (without npm: in Python), an agent in Python, one row.
	if command -v npm > /dev/null; then $(MAKE) --no-print-directory $(NODE)/.ready; fi
	$(DEMO)/bin/python -m braintrust_run_output.relay.demo --node-modules $(NODE)

test: $(VENV)/.ready ## Run the test suite, in parallel; all examples of its properties: HYPOTHESIS_PROFILE=ci make test
	$(VENV)/bin/python -m pytest $(PARALLEL)

greenlets: $(VENV)/.ready-greenlets ## Test under gevent, eventlet and gunicorn.
	NOTHING_MAY_BE_MISSING=1 $(VENV)/bin/python -m pytest $(PARALLEL) tests/attacks/test_greenlets.py

lint: $(VENV)/.ready ## Run the linters and the type checker; check the workflows.
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy --strict src
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

SDK ?= 1.30
test-sdk: $(VENV)/.ready ## Run the test suite on one SDK: make test-sdk SDK=1.30
	$(VENV)/bin/nox --force-python "$$($(VENV)/bin/python -c 'import platform; print(platform.python_version())')" \
	  --session "tests(sdk='$(SDK)')"

bench: $(BENCHMARKS)/.ready ## Measure the cost of the processor against others, side by side: make bench ARGUMENTS=--quick
	$(BENCHMARKS)/bin/python -m benchmarks $(ARGUMENTS)

bench-relay: $(VENV)/.ready ## Measure the relay against a pass-through and Rotel: make bench-relay ARGUMENTS=--quick
	$(VENV)/bin/python -m benchmarks.relay $(ARGUMENTS)

soak: $(VENV)/.ready ## A million spans with faults, forks and late outputs: minutes.
	$(VENV)/bin/python -m soak

soak-relay: $(VENV)/.ready ## Kill the relay ten times under load, with a full disk and a next hop that is down: minutes.
	$(VENV)/bin/python tests/relay/killing.py --kills 10 --traces 12500

docs: $(VENV)/.ready-docs ## Build the documentation as a site, in site/; warnings are errors.
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --strict

build: $(VENV)/.ready ## Build wheel and sdist, check them, run the demo from the wheel alone.
	$(VENV)/bin/python tools/check_build.py

browser: $(VENV)/.ready-browser ## Test the local page in a real browser (needs Chromium: apt-get install chromium).
	$(VENV)/bin/python -m pytest tests/browser

live: $(LIVE)/.ready $(LIVE_MORE)/.ready ## Test with the real instrumentations of openai, anthropic, langchain, crewai, google-adk and more.
	NOTHING_MAY_BE_MISSING=live $(LIVE)/bin/python -m pytest $(PARALLEL) tests/live
	NOTHING_MAY_BE_MISSING=live-more $(LIVE_MORE)/bin/python -m pytest $(PARALLEL) tests/live/test_answers.py

node: $(VENV)/.ready $(NODE)/.ready ## Test with Braintrust's command line and JavaScript SDK (needs Node.js and npm).
	NOTHING_MAY_BE_MISSING=1 $(VENV)/bin/python -m pytest tests/node

recipes: $(RECIPES)/.ready ## Test every recipe of the documentation: Celery, gunicorn, FastAPI, logfire, YAML and more.
	NOTHING_MAY_BE_MISSING=1 $(RECIPES)/bin/python -m pytest $(PARALLEL) tests/zero_code/test_recipes.py tests/zero_code/test_declarative.py

pictures: $(VENV)/.ready-browser $(DEMO)/.ready ## Make the pictures of README and docs from the real demo.
	$(VENV)/bin/python docs/pictures/make.py --python $(DEMO)/bin/python

matrix: $(VENV)/.ready ## Run the test suite on every supported SDK and installed Python.
	$(VENV)/bin/nox

clean: ## Remove what the targets made.
	rm -rf $(VENV) $(DEMO) $(LIVE) $(LIVE_MORE) $(RECIPES) $(BENCHMARKS) $(NODE) .nox dist site

$(VENV)/.ready: pyproject.toml
	$(call virtual_environment,$(VENV))
	$(VENV)/bin/python -m pip install --quiet --editable '.[demo,cli,relay]' --group dev
	touch $@

$(VENV)/.ready-%: $(VENV)/.ready
	$(VENV)/bin/python -m pip install --quiet --group $*
	touch $@

$(DEMO)/.ready: pyproject.toml
	$(call virtual_environment,$(DEMO))
	$(DEMO)/bin/python -m pip install --quiet --editable '.[demo,relay]'
	touch $@

$(LIVE)/.ready: pyproject.toml $(VENV)/.ready
	$(call with_group,$(LIVE),'.[demo$(,)cli$(,)relay]' --group tests --group live)

$(LIVE_MORE)/.ready: pyproject.toml $(VENV)/.ready
	$(call with_group,$(LIVE_MORE),'.[demo$(,)relay]' --group tests --group live-more)

$(RECIPES)/.ready: pyproject.toml $(VENV)/.ready
	$(call with_group,$(RECIPES),'.[demo$(,)cli]' --group tests --group recipes)

$(BENCHMARKS)/.ready: pyproject.toml $(VENV)/.ready
	$(call with_group,$(BENCHMARKS),. --group benchmarks)

$(NODE)/.ready: tests/node/package.json
	npm install --prefix tests/node --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

, := ,

# A virtual environment of its own, for packages that may not agree with those of the others.
define with_group
	$(call virtual_environment,$(1))
	$(VENV)/bin/uv pip install --quiet --python $(1)/bin/python --editable $(2)
	touch $@
endef

define virtual_environment
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed, this is " + sys.version.split()[0] + "; name one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(1)
	$(1)/bin/python -m pip install --quiet --upgrade pip
endef
