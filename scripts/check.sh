#!/usr/bin/env bash
# Format, lint, types, import contracts and size budgets; stops at the first that does not hold.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=.venv/bin

run() {
  local text=$1 from=$SECONDS output; shift
  printf '%-24s ' "$text"
  if output=$("$@" 2>&1); then
    printf 'holds  %4d s\n' $((SECONDS - from))
  else
    printf 'BROKEN\n%s\n' "$output"
    exit 1
  fi
}
run format              "$bin/ruff" format --check -q .
run lint                "$bin/ruff" check -q .
run types               "$bin/mypy"
run "import contracts"  "$bin/lint-imports" --no-cache
run "size budgets"      "$bin/pytest" -q -p no:cacheprovider tests/verification/test_sizes.py
