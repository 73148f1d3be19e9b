# `make demo` and `make test` do all of the set-up: they need Python 3.11 to 3.13, git and make.

SHELL := /bin/sh
V := .venv
PIP := $(V)/bin/python -m pip -qq --disable-pip-version-check --no-input
LOCK := $(V)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

# A path to somebody else's modules must not get into our interpreter.
unexport PYTHONPATH PYTHONHOME

.PHONY: demo test check fix quick bench soak pictures lock clean

demo: $(V)/dev # for pytest, which the demo runs where it is there
	@$(V)/bin/kcode demo --headless

# Side by side on a busy machine a test that waits may wait too short: what fails is run once more, by itself.
# Tests in a real terminal run one after another from the start: they look at what is painted when.
test: check
	@echo "== tests"
	@$(V)/bin/python -m pytest -n 3 --dist worksteal --ignore tests/tui/test_terminal.py \
		|| $(V)/bin/python -m pytest --last-failed --last-failed-no-failures none --ignore tests/tui/test_terminal.py
	@echo "== tests in a real terminal"
	@$(V)/bin/python -m pytest tests/tui/test_terminal.py \
		|| $(V)/bin/python -m pytest tests/tui/test_terminal.py --last-failed --last-failed-no-failures none

check: $(V)/dev
	@echo "== format"
	@$(V)/bin/ruff format --check --quiet .
	@echo "== lint"
	@$(V)/bin/ruff check --quiet .
	@echo "== types"
	@$(V)/bin/python -m mypy --no-error-summary
	@echo "== import contracts"
	@$(V)/bin/lint-imports --no-logo

fix: $(V)/dev
	@$(V)/bin/ruff check --fix --quiet .
	@$(V)/bin/ruff format --quiet .

quick: $(V)/dev
	@$(V)/bin/python -m pytest -q -n 3 --dist worksteal -m "not slow"

bench: $(V)/runtime
	@$(V)/bin/python -m benchmarks

# Some minutes: thousands of steps with faults and cancels, and many more damaged files than CI tries.
soak: $(V)/dev
	@SOAK=3000 FUZZ=200 $(V)/bin/python -m pytest -s -o faulthandler_timeout=0 tests/test_soak.py \
		tests/test_fuzz_files.py tests/test_fuzz_words.py

# The only thing that is installed without hashes: nobody but a maintainer needs it.
pictures: $(V)/dev
	@$(PIP) install --no-build-isolation --editable '.[pictures]'
	@$(V)/bin/python -m docs.pictures.make

# Keeps the pins that still fit; `make lock UPGRADE=1` takes the newest of everything.
lock: $(V)/bin/python
	@$(PIP) install uv
	@echo "setuptools>=77" | $(LOCK) --extra dev pyproject.toml - --output-file requirements-dev.txt
	@echo "setuptools>=77" | $(LOCK) --constraints requirements-dev.txt pyproject.toml - --output-file requirements.txt

clean:
	rm -rf $(V) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(V)/dev: requirements-dev.txt $(V)/runtime
	@echo "== installing what development needs into $(V)"
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

# setuptools, which builds kcode, is pinned with the rest: nothing is fetched that has no hash.
$(V)/runtime: requirements.txt pyproject.toml setup.py $(V)/bin/python
	@echo "== installing what kcode needs into $(V) (a minute or two)"
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(V)/bin/python:
	@for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python); do \
		$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || continue; \
		echo "== creating $(V) with $$($$python --version)"; \
		$$python -m venv --clear $(V) && exit 0; \
		rm -rf $(V); exit 1; \
	done; \
	echo "kcode needs Python 3.11, 3.12 or 3.13, and none was found. Install one (apt-get install python3 python3-venv," >&2; \
	echo "brew install python@3.13), or name yours: make PYTHON=/path/to/python3.13 $(MAKECMDGOALS)" >&2; \
	exit 1
