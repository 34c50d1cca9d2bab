# The whole of daily work: run, test, chaos, bench, lint.
SHELL := /bin/sh
.DEFAULT_GOAL := run
PY := .venv/bin/python
# Whatever pip is told by the machine's settings concerns other projects.
PIP := env -u PIP_REQUIRE_VIRTUALENV -u PIP_USER -u PIP_TARGET -u PIP_PREFIX PIP_DISABLE_PIP_VERSION_CHECK=1 $(PY) -m pip
# What the checks read the settings with: nothing is connected to.
CHECK := env DEBUG=1 DATABASE_URL=postgresql://nobody@127.0.0.1:1/none REDIS_URL=redis://127.0.0.1:1/0

.PHONY: run test chaos bench lint

run: .venv/made
	@exec $(PY) -m config.supervisor

# What owns its processes waits for them more than it works, so three at a time on two cores, the longest first; then all others.
LONG := tests/live/test_supervisor.py tests/live/test_live_chaos.py tests/live/test_live_journey.py
LIVE := $(filter-out $(LONG),$(wildcard tests/live/test_*.py))
test: .venv/made
	$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(LONG) $(LIVE) $(wildcard tests/test_*.py)

# The long round of killing: 20,000 people in 2,000 bodies. CHAOS_ROUNDS is how many; CHAOS_SEED runs one again.
chaos: .venv/made
	$(PY) -m pytest -m chaos -s

# ONLY=name runs one row.
bench: .venv/made
	$(PY) -m bench

lint: .venv/made
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(CHECK) $(PY) -m mypy
	$(CHECK) .venv/bin/lint-imports
	DEBUG=1 $(PY) manage.py check
	DEBUG=1 $(PY) manage.py makemigrations --check --dry-run
	DEBUG=1 $(PY) manage.py lintmigrations --include-apps departments alerts --ignore-name 0014_doubts --quiet ok ignore warning

# Made again when a requirement changes; a venv that was interrupted halfway has no stamp and is finished.
.venv/made: requirements.txt requirements-dev.txt
	@for python in "$$PYTHON" python3 python3.14 python3.13 python3.12 python3.11; do \
		if [ -n "$$python" ] && "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			found="$$python"; break; \
		fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "Python 3.11 or later with its venv module is needed: install it (Debian: apt install python3 python3-venv), or name one: make PYTHON=/path/to/python3.11" >&2; \
		exit 1; \
	fi; \
	if ! $(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || ! $(PY) -m pip --version >/dev/null 2>&1; then \
		echo "Making .venv"; "$$found" -m venv --clear .venv || exit 1; \
	fi
	@echo "Installing what requirements-dev.txt names"
	@$(PIP) install --quiet --requirement requirements-dev.txt
	@touch $@
