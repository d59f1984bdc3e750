# shellcheck shell=bash
# Sourced by the scripts beside it: finds Python, makes the virtual environment, and installs and
# reports what is missing. What is there already is left alone. scripts/setup --help describes the
# variables.

set -euo pipefail
ROOT=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
VENV=${VENV:-$ROOT/.venv}
case $VENV in /*) ;; *) VENV=$ROOT/$VENV ;; esac

say() { printf '==> %s\n' "$*" >&2; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 3
}

# help_if_asked ARGUMENTS: with --help, shows the comment at the head of the running script.
help_if_asked() {
    local line
    case ${1:-} in -h | --help) ;; *) return 0 ;; esac
    while IFS= read -r line; do
        case $line in
            '#!'*) ;;
            '# shellcheck'*) break ;;
            '#'*) line=${line#\#} && printf '%s\n' "${line# }" ;;
            *) break ;;
        esac
    done <"$ROOT/scripts/${0##*/}"
    exit 0
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "not root, and there is no sudo: can't run $*"
        return 1
    fi
}

apt_install() {
    command -v apt-get >/dev/null || return 1
    local quiet=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
    as_root "${quiet[@]}" install -y --no-install-recommends "$@" >/dev/null 2>&1 && return
    as_root "${quiet[@]}" update >&2 &&
        as_root "${quiet[@]}" install -y --no-install-recommends "$@" >&2
}

# want_program PROGRAM PACKAGE: installs a system package if the program is missing.
want_program() {
    PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null && return
    say "Installing $2 (for $1) with apt-get"
    apt_install "$2" || {
        say "could not install $2; please install it yourself"
        return 1
    }
}

# The newest in which programs start warm, as NEWEST in mle_gym/sandbox/warm/zygote_plan.py says.
NEWEST_WARM=3.14

# usable_python PROGRAM [warm]: whether it can have an environment, and starts programs warm.
usable_python() {
    local check='import ensurepip, ssl, sys, venv; version = sys.version_info[:2]'
    "$1" -c "$check; sys.exit(version < (3, 11))" 2>/dev/null || return
    [ "${2:-}" != warm ] ||
        "$1" -c "$check; sys.exit(version > (${NEWEST_WARM/./, }))" 2>/dev/null
}

find_python() {
    local candidate
    if [ -n "${PYTHON:-}" ]; then
        usable_python "$PYTHON" || return
        command -v "$PYTHON"
        return
    fi
    for candidate in python3.14 python3.13 python3.12 python3.11 python3 /usr/bin/python3; do
        usable_python "$candidate" warm && command -v "$candidate" && return
    done
    for candidate in python3 /usr/bin/python3; do
        usable_python "$candidate" && command -v "$candidate" && return
    done
    return 1
}

pick_python() {
    find_python && return
    [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is not a Python 3.11 or later with venv and pip"
    say "Found no Python 3.11 or later with venv; installing python3-venv with apt-get"
    apt_install python3 python3-venv >&2 || true
    find_python || fail "Python 3.11 or later with venv is needed; set PYTHON to name one"
}

# install_project [EXTRAS]: the virtual environment with this checkout in it, editable.
install_project() {
    local extras=${1:-} python stamp
    stamp="$ROOT $(cksum <pyproject.toml)"
    for each in "$extras" dev; do
        [ "$(cat "$VENV/.mle-gym-$each" 2>/dev/null)" != "$stamp" ] || return 0
    done
    if [ ! -x "$VENV/bin/python" ]; then
        python=$(pick_python)
        say "Making the virtual environment $VENV with $python"
        "$python" -m venv "$VENV"
    fi
    say "Installing mle-gym${extras:+ with extras: $extras} into $VENV"
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check \
        --editable ".${extras:+[$extras]}"
    printf '%s\n' "$stamp" >"$VENV/.mle-gym-$extras"
}

# want_sandbox: makes the Docker image if bubblewrap can't run and Docker can.
want_sandbox() {
    local backend='from mle_gym.sandbox import get_backend; get_backend("auto")'
    local daemon='from mle_gym.sandbox.docker.backend import connect; connect()'
    "$VENV/bin/python" -c "$backend" 2>/dev/null && return
    "$VENV/bin/python" -c "$daemon" 2>/dev/null || return 0
    say "No bubblewrap here, but Docker: making its image"
    "$VENV/bin/mle-gym" image build || "$VENV/bin/mle-gym" image build --from-host
}
