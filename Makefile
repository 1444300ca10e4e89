# make demo     the whole job on a small simulated sky, in minutes on two cores: see runs/demo
# make test     the tests, but for the longest
# make test-long     whole experiments, and costly repetitions of what other tests show
# make faults   kill, fill, damage and mutate toy runs for hours: docs/reliability.md
# make faults-short    the same in small, on a run that is built but not trained
# make docs     the documentation as a site, in site.work/
# make check    format, lint, language of the prose, and no task left open
#
# Each sets up what it needs in .venv first. PYTHON=python3.12 chooses another Python.

PYTHON ?= python3
install := .venv/bin/pip install -qq -c constraints.txt

.PHONY: help demo test test-long faults faults-short docs check

help:
	@sed -n 's/^# \{0,1\}//p' Makefile

demo: .venv/installed
	.venv/bin/python main.py --config=configs/demo.py --workdir=runs/demo

test: .venv/installed-dev
	.venv/bin/pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m 'not long' --durations=20

test-long: .venv/installed-dev
	.venv/bin/pytest -q -m long

faults: .venv/installed-dev
	.venv/bin/python -m tests.faults.campaign

faults-short: .venv/installed-dev
	.venv/bin/python -m tests.faults.campaign --short

docs: .venv/installed-docs
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --quiet

check: .venv/installed-dev
	.venv/bin/ruff format --check . .ci/prose
	.venv/bin/ruff check . .ci/prose
	.venv/bin/python .ci/prose
	@git grep -n 'TO[D]O\|NotImplemented[E]rror'; test $$? = 1

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit("error: dimjax needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + "; name a newer one: PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/pip
	@echo 'installing dimjax into .venv: takes a minute'
	@$(install) -e .
	@touch $@

.venv/installed-dev: .venv/installed
	@echo 'installing the tools for its tests'
	@$(install) -e '.[dev]'
	@touch $@

.venv/installed-docs: .venv/installed
	@echo 'installing the tools for the documentation'
	@$(install) -e '.[docs]'
	@touch $@
