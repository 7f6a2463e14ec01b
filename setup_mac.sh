#!/usr/bin/env bash
# macOS: the data side and the scoring of answers. No CUDA, no Megatron, no NeMo: nothing here trains.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# run by hand: setup.sh makes the environment and calls back with --install
[[ ${1:-} == --install ]] || PROFILE=mac exec ./setup.sh "$@"

command=("$VENV/bin/python" -m pip install -r requirements/mac.txt -c requirements/constraints.txt)
printf '+ %s\n' "${command[*]}" >&2
[[ -n ${DRY_RUN:-} ]] || "${command[@]}"
cat >&2 <<'TEXT'
setup: this Mac has the data side: parse, preprocess, sft-data, test-set. Training, import and export need Linux,
setup: because megatron-core has no macOS wheel: copy the output folder of `preprocess` to the training machine.
TEXT
