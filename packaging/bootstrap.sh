#!/bin/sh
# Makes the development environment in the folder named, from the lock file. Installs the Debian packages it needs when root.
set -eu
venv=$1
cd "$(dirname "$0")/.."

fail() { echo "bootstrap: $*" >&2; exit 6; }

need() { # need PACKAGE...: install what dpkg does not list as installed
    missing=
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    [ "$(id -u)" = 0 ] || fail "these Debian packages are missing; install them with: sudo apt-get install$missing"
    echo "installing Debian packages:$missing"
    apt-get update -q >/dev/null
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null
}

python=$(command -v python3) || python=
usable() { [ -n "$python" ] && "$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
if ! usable; then
    need python3 python3-venv
    python=/usr/bin/python3
    usable || fail "Python 3.11 or newer with venv is needed; Debian 12 and later have it (this is $("$python" --version 2>&1))"
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
echo "installing the Python packages of requirements-dev.lock"
"$venv/bin/python" -m pip install -q --require-hashes -r requirements-dev.lock || fail "pip could not install the locked packages; is the package index reachable?"
"$venv/bin/python" -m pip install -q --no-deps --no-build-isolation -e . || fail "the checkout itself could not be installed"
touch "$venv/.ready"
