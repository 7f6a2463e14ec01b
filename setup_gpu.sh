#!/usr/bin/env bash
# An NVIDIA GPU: the training stack, Transformer Engine with its PyTorch extension, Apex on request, and an NCCL check.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# NVIDIA/apex, tag 25.09
APEX_COMMIT=4bdecd06b3c4b2c0a8fb6603829a8f9f05a42b49

usage() {
    cat <<'TEXT'
Usage: ./setup_gpu.sh [--with-apex] [--dev] [--dry-run]

Better than this script: the NVIDIA NeMo Framework container 25.09 to 25.11 from NGC (a later one, if it has NeMo 2.x).
Torch, Transformer Engine, Apex and NCCL are built in it for one another. Start it with this folder mounted, with
--gpus all --ipc=host, and add what the data side needs beyond it (see docs/setup.md; then `python launch.py doctor`):
    python -m pip install -c requirements/constraints.txt lxml numba gigatoken awkward xxhash pycld2 loky orjson httpx rouge-score

Otherwise this script builds the same into .venv:
  1. torch and the training stack of requirements/cpu.txt
  2. Transformer Engine with its PyTorch extension, compiled here: needs nvcc of torch's CUDA major version, and cuDNN.
     Without nvcc the step is left out, and with it FP8 and FP4; BF16 works.
  3. --with-apex: NVIDIA Apex from source, at a pinned commit (the `apex` on package indexes is another program)
  4. a check that NCCL is there and one GPU can all-reduce
MAX_JOBS=N limits the compilers that run at once (each wants some GB of memory). Variables VENV and PYTHON: as in
./setup.sh --help.
TEXT
}

say() { printf 'setup: %s\n' "$*" >&2; }
run() {
    printf '+ %s\n' "$*" >&2
    [[ -n ${DRY_RUN:-} ]] || "$@"
}

find_nvcc() {
    local candidate
    for candidate in "${CUDA_HOME:-}/bin/nvcc" "$(command -v nvcc || true)" /usr/local/cuda/bin/nvcc; do
        [[ -x $candidate ]] && printf '%s' "$candidate" && return
    done
    return 1
}
toolkit_release() {
    local nvcc
    nvcc=$(find_nvcc) || return 1
    "$nvcc" --version | sed -n 's/.*release \([0-9.]*\).*/\1/p'
}

case ${1:-} in
    --install) ;;
    --toolkit) toolkit_release || echo none; exit 0 ;;
    -h | --help) usage && exit 0 ;;
    # run by hand: setup.sh makes the environment and calls back with --install
    *) PROFILE=gpu exec ./setup.sh "$@" ;;
esac

PYTHON_BIN=$VENV/bin/python
usage | sed -n '3,6p' >&2

# --- 1. torch and the training stack --------------------------------------------------------------------------------
# wheel: Transformer Engine's setup.py imports it, and without build isolation it must be there first
run "$PYTHON_BIN" -m pip install -r requirements/cpu.txt wheel -c requirements/constraints.txt

# --- 2. Transformer Engine ------------------------------------------------------------------------------------------
cudnn_headers() {
    local folder
    for folder in "${CUDNN_PATH:-}/include" "${CUDA_HOME:-/usr/local/cuda}/include" /usr/include \
        /usr/include/*-linux-gnu "$VENV"/lib/python3.*/site-packages/nvidia/cudnn/include; do
        [[ -f $folder/cudnn.h ]] && printf '%s' "$folder" && return
    done
    return 1
}

can_compile=1
if [[ -n ${DRY_RUN:-} ]]; then
    run nvcc --version
else
    cuda=$("$PYTHON_BIN" -c 'import torch; print(torch.version.cuda or "")')
    [[ -n $cuda ]] || { say "pip installed a torch without CUDA: point pip at the CUDA build of torch, or use PROFILE=cpu"; exit 1; }
    if ! release=$(toolkit_release); then
        say "no nvcc: Transformer Engine and Apex are left out. FP8 and FP4 need it: install the CUDA toolkit ${cuda%%.*}.x and run ./setup.sh again"
        can_compile=''
    elif [[ ${release%%.*} != "${cuda%%.*}" ]]; then
        say "nvcc is CUDA $release, torch is built with CUDA $cuda: install the CUDA toolkit ${cuda%%.*}.x (CUDA_HOME chooses among several), or use the container"
        exit 1
    elif ! headers=$(cudnn_headers); then
        say "no cudnn.h: install the cuDNN 9 headers or set CUDNN_PATH"
        exit 1
    else
        nvcc=$(find_nvcc)
        export CUDA_HOME=${nvcc%/bin/nvcc} CPATH=$headers${CPATH:+:$CPATH}
    fi
fi
if [[ -n $can_compile ]]; then
    run env NVTE_FRAMEWORK=pytorch "$PYTHON_BIN" -m pip install --no-build-isolation \
        -r requirements/gpu.txt -c requirements/constraints.txt
fi

# --- 3. Apex --------------------------------------------------------------------------------------------------------
if [[ -n ${WITH_APEX:-} && -n $can_compile ]]; then
    run env APEX_CPP_EXT=1 APEX_CUDA_EXT=1 "$PYTHON_BIN" -m pip install --no-build-isolation --no-deps \
        "git+https://github.com/NVIDIA/apex@$APEX_COMMIT"
fi

# --- 4. NCCL --------------------------------------------------------------------------------------------------------
read -r -d '' NCCL_CHECK <<'PYTHON' || true
import torch
import torch.distributed as dist

assert torch.cuda.is_available(), "torch sees no GPU: is the driver new enough for CUDA %s?" % torch.version.cuda
assert dist.is_nccl_available(), "this torch has no NCCL"
dist.init_process_group("nccl", store=dist.HashStore(), rank=0, world_size=1)
one = torch.ones(1, device="cuda")
dist.all_reduce(one)
assert one.item() == 1.0, "all_reduce changed a single value"
dist.destroy_process_group()
print("NCCL", ".".join(map(str, torch.cuda.nccl.version())), "all-reduces on", torch.cuda.get_device_name())
PYTHON
if [[ -n ${DRY_RUN:-} ]]; then
    printf '+ %s -c (NCCL: one GPU, all_reduce)\n' "$PYTHON_BIN" >&2
elif ! "$PYTHON_BIN" -c "$NCCL_CHECK" >&2; then
    say "the NCCL check failed: training on this machine will too"
    exit 1
fi
