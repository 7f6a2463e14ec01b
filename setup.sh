#!/usr/bin/env bash
# Creates the Python environment for this machine: GPU, macOS or CPU. Run it as often as you like.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: ./setup.sh [--dev] [--dry-run] [GPU options]

Creates .venv with the packages of requirements/, in the versions of requirements/constraints.txt:
  an NVIDIA GPU answers nvidia-smi   -> setup_gpu.sh  (the training stack, Transformer Engine, NCCL check)
  macOS                              -> setup_mac.sh  (the data side only)
  anything else                      -> the CPU set   (the whole job, small, on the CPU)
A second run is a no-op. A run that was killed is started afresh. Runs at the same time wait for one another.

Options
  --dev        also the tests and linters
  --dry-run    print the commands, run none of them
  --with-apex  GPU only: build NVIDIA Apex from source too
  --help       this text
Variables
  PROFILE=cpu|gpu|mac   overrides the detection (cpu on a GPU machine: the rehearsal without Transformer Engine)
  PYTHON=PATH           the interpreter, 3.10 to 3.12; else python3.11, python3.12, python3.10 or python3
  VENV=PATH             the environment's folder (.venv)
TEXT
}

say() { printf 'setup: %s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 1
}
misuse() {
    say "$*"
    exit 2
}
run() {
    printf '+ %s\n' "$*" >&2
    [[ -n $DRY_RUN ]] || "$@"
}

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# a relative VENV is meant from where the command was given
VENV=${VENV:-$ROOT/.venv}
[[ $VENV == /* ]] || VENV=$PWD/$VENV
cd "$ROOT"

DEV='' DRY_RUN='' WITH_APEX=''
for argument in "$@"; do
    case $argument in
        --dev) DEV=1 ;;
        --dry-run) DRY_RUN=1 ;;
        --with-apex) WITH_APEX=1 ;;
        -h | --help) usage && exit 0 ;;
        *) misuse "unknown option '$argument'; see ./setup.sh --help" ;;
    esac
done

if [[ -z ${PROFILE:-} ]]; then
    if command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q '^GPU '; then
        PROFILE=gpu
    elif [[ $(uname -s) == Darwin ]]; then
        PROFILE=mac
    else
        PROFILE=cpu
    fi
fi
case $PROFILE in
    cpu | gpu | mac) ;;
    *) misuse "PROFILE='$PROFILE' does not exist; use cpu, gpu or mac" ;;
esac
[[ -z $WITH_APEX || $PROFILE == gpu ]] || misuse "--with-apex needs the gpu profile; this is $PROFILE"

# --- the interpreter ------------------------------------------------------------------------------------------------
# It is really run: a pyenv shim can stand on PATH for a version that is not active, and Debian ships python3 without venv.
fits() { "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; }

find_python() {
    if [[ -n ${PYTHON:-} ]]; then
        fits "$PYTHON" && printf '%s' "$PYTHON" && return
        fail "PYTHON='$PYTHON' is not a Python 3.10 to 3.12 with the venv module"
    fi
    local name
    for name in python3.11 python3.12 python3.10 python3; do
        command -v "$name" >/dev/null && fits "$name" && printf '%s' "$name" && return
    done
    fail "no Python 3.10 to 3.12 with the venv module on PATH; install one (Debian, Ubuntu: apt install python3-venv) or set PYTHON=/path/to/python"
}

# --- what is installed already --------------------------------------------------------------------------------------
# One stamp per layer (a profile, and the dev tools): the hash of everything that decided what was installed.
UNFINISHED=$VENV/.setup-unfinished

layer_files() {
    case $1 in
        cpu) echo requirements/base.txt requirements/cpu.txt ;;
        gpu) echo requirements/base.txt requirements/cpu.txt requirements/gpu.txt setup_gpu.sh ;;
        mac) echo requirements/base.txt requirements/mac.txt ;;
        dev) echo requirements/dev.txt ;;
    esac
}

layer_hash() {
    local choices=''
    # a CUDA toolkit installed later changes what the GPU set can build
    [[ $1 != gpu ]] || choices="apex=$WITH_APEX toolkit=$(./setup_gpu.sh --toolkit)"
    # shellcheck disable=SC2046  # the file names are our own and hold no spaces
    "$VENV/bin/python" - "$1 $choices" $(layer_files "$1") requirements/constraints.txt <<'PYTHON'
import hashlib, pathlib, sys
digest = hashlib.sha256(f"{sys.argv[1]} {sys.version}".encode())
for name in sys.argv[2:]:
    digest.update(pathlib.Path(name).read_bytes())
print(digest.hexdigest())
PYTHON
}

is_installed() {
    [[ -x $VENV/bin/python && -f $VENV/.setup-$1 && ! -e $UNFINISHED ]] &&
        [[ $(<"$VENV/.setup-$1") == "$(layer_hash "$1" 2>/dev/null)" ]]
}

missing_layers() {
    local layer
    for layer in "$PROFILE" ${DEV:+dev}; do
        is_installed "$layer" || printf '%s ' "$layer"
    done
}

if [[ -n ${PYTHON:-} && -x $VENV/bin/python ]]; then
    version='import sys; print(*sys.version_info[:2], sep=".")'
    wanted=$("$PYTHON" -c "$version") || fail "PYTHON='$PYTHON' does not run"
    there=$("$VENV/bin/python" -c "$version") || there='a broken Python'
    [[ $wanted == "$there" ]] || fail "$VENV has $there, PYTHON asks for $wanted: remove it, or choose another with VENV=PATH"
fi

layers=$(missing_layers)
if [[ -z $layers ]]; then
    say "$VENV is ready ($PROFILE${DEV:+, dev}); nothing to do"
    exit 0
fi

# --- the installation -----------------------------------------------------------------------------------------------
if [[ -z $DRY_RUN ]]; then
    if [[ -d $VENV && ! -f $VENV/pyvenv.cfg && -n $(ls -A "$VENV") ]]; then
        fail "$VENV is a folder with files in it, not a Python environment: choose another with VENV=PATH"
    fi
    python=$(find_python) || exit 1
    # The lock belongs to file descriptor 9, which pip inherits: the kernel drops it when the last of us is gone, so
    # there is no stale lock to clean up, and a killed setup.sh whose pip still writes keeps the others waiting.
    mkdir -p .cache
    exec 9>>.cache/setup.lock
    flock9='import fcntl, sys; fcntl.flock(9, fcntl.LOCK_EX | (fcntl.LOCK_NB if sys.argv[1] == "try" else 0))'
    if ! "$python" -c "$flock9" try 2>/dev/null; then
        say "another setup is at work on $VENV; waiting for it"
        "$python" -c "$flock9" wait
    fi
    layers=$(missing_layers)
    if [[ -z $layers ]]; then
        say "$VENV is ready ($PROFILE${DEV:+, dev}); the other run did it"
        exit 0
    fi
    if [[ -e $UNFINISHED ]]; then
        say "an earlier run was killed in the middle: starting $VENV afresh"
    fi
    if [[ -e $UNFINISHED ]] || ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
        run "$python" -m venv --clear "$VENV"
    fi
else
    python=${PYTHON:-python3}
    run "$python" -m venv "$VENV"
fi

export VENV DRY_RUN WITH_APEX
install_layer() {
    case $1 in
        gpu) ./setup_gpu.sh --install ;;
        mac) ./setup_mac.sh --install ;;
        *) run "$VENV/bin/python" -m pip install -r "requirements/$1.txt" -c requirements/constraints.txt ;;
    esac
}

say "installing $layers into $VENV (the first time takes some minutes)"
started=$SECONDS
# pip answers Ctrl-C with an ordinary exit status, though a package may be half written
interrupted=''
trap 'interrupted=1' INT
for layer in $layers; do
    if [[ -n $DRY_RUN ]]; then
        install_layer "$layer"
        continue
    fi
    : >"$UNFINISHED"
    status=0
    install_layer "$layer" || status=$?
    # an installer that ended by itself leaves whole packages; one that was killed by a signal may not: keep the mark
    [[ -n $interrupted ]] || ((status > 128)) || rm -f "$UNFINISHED"
    [[ -z $interrupted ]] || { say "interrupted; the next run starts $VENV afresh" && exit 130; }
    ((status == 0)) || fail "the $layer set did not install (exit status $status): the lines above say why; then run ./setup.sh again"
    layer_hash "$layer" >"$VENV/.setup-$layer.partial"
    mv "$VENV/.setup-$layer.partial" "$VENV/.setup-$layer"
done
[[ -n $DRY_RUN ]] || say "$VENV is ready ($PROFILE${DEV:+, dev}) after $((SECONDS - started)) s; next: $VENV/bin/python launch.py doctor"
