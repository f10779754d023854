# Two commands matter: `make demo` and `make test`. Each does all of its own set-up.

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo check test bench lock clean
BIN := .venv/bin
# Part of the suite: make test TESTS=tests/unit/test_kernel_crypto.py
TESTS ?=
# A whole run must prove every promise; a chosen part proves its part.
WHOLE := $(if $(TESTS),,ENCLAVE_WHOLE_SUITE=1)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: setup ## set up, start the platform with real demonstration data, print address and accounts; Ctrl-C ends it
	@exec $(BIN)/enclave demo

test: setup-dev ## set up, run all checks and the whole suite (TESTS=path for a part)
	@$(MAKE) --no-print-directory --silent check
	@exec env $(WHOLE) $(BIN)/pytest $(TESTS)

setup: ## make .venv and install what is missing; .venv/bin/enclave stands after it
	@scripts/setup.sh

setup-dev: ## the same with the tools of the tests
	@scripts/setup.sh --dev

check: setup-dev ## format, lint, types, import contracts, size budgets
	@scripts/check.sh

bench: setup-dev ## measure speed and memory against a baseline of the same run
	@exec $(BIN)/python -m tests.bench

lock: setup-dev ## make the locks again after a change of pyproject.toml; pins stay unless they must move
	@scripts/lock.sh

clean: ## remove .venv and caches; never touches data (.enclave)
	rm -rf .venv .venv-uv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis artifacts build dist
