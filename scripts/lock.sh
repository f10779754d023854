#!/usr/bin/env bash
# Makes requirements/*.lock again from pyproject.toml. Pins in the old locks are kept unless a requirement moves them;
# to move one on purpose: scripts/lock.sh --upgrade-package NAME
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -f /etc/ssl/certs/ca-certificates.crt ] && export UV_SYSTEM_CERTS=1

compile() {
  .venv-uv/uv pip compile -q --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --override requirements/overrides.txt "$@"
}
compile pyproject.toml --group build -o requirements/runtime.lock "$@"
# The development lock is the runtime lock and more: `make test` must not change what `make demo` runs.
compile pyproject.toml --group build --group dev -c requirements/runtime.lock -o requirements/dev.lock "$@"

if grep -nE '^(--|-i |-f )|https?://' requirements/*.lock; then
  echo "a lock names an index or a host" >&2
  exit 1
fi
