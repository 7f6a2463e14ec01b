"""A stand-in for Slurm that runs jobs on this machine at once, and one that is reached by ssh."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# As sbatch: the script's own options count, an element of an array gets its number, a job whose predecessor failed
# never starts, one that was put back starts again. It ends when the job has.
SBATCH = """#!/usr/bin/env bash
echo "$*" >> "$FAKE/submitted"
script=${@: -1}
number=$(( $(wc -l < "$FAKE/submitted") + 100 ))
for argument in "$@"; do
    case $argument in --dependency=afterok:*)
        [[ -e $FAKE/ended.${argument##*:} ]] || { echo "$number"; exit 0; } ;;
    esac
done
# with a number in the file, that job alone is refused
if [[ -e $FAKE/refuse && ( ! -s $FAKE/refuse || $(cat "$FAKE/refuse") == "$number" ) ]]; then
    echo "sbatch: error: invalid account or partition" >&2
    exit 1
fi
elements=$(sed -n 's/^#SBATCH --array=0-//p' "$script")
nodes=$(sed -n 's/^#SBATCH --nodes=//p' "$script")
export SLURM_NNODES=${nodes:-1} SLURM_JOB_NODELIST=here
failed=0
for element in $(seq "${elements:-0}" -1 0); do
    if [[ -n $elements ]]; then
        export SLURM_ARRAY_TASK_ID=$element SLURM_JOB_ID=$((number * 1000 + element))
    else
        unset SLURM_ARRAY_TASK_ID; export SLURM_JOB_ID=$number
    fi
    export SLURM_RESTART_COUNT=0
    while true; do
        ended=0
        bash "$script" >> "$FAKE/job.$number.$element" 2>&1 || ended=$?
        [[ -e $FAKE/requeue.$SLURM_JOB_ID ]] || break
        rm "$FAKE/requeue.$SLURM_JOB_ID"
        SLURM_RESTART_COUNT=$((SLURM_RESTART_COUNT + 1))
    done
    ((ended)) && failed=1
done
if ((failed)); then state=FAILED; else state=COMPLETED; touch "$FAKE/ended.$number"; fi
echo "$number|$state" >> "$FAKE/states"
echo "$number"
"""
# `-w NODE` is the head node alone; else one task a node. With $FAKE/signal_when, SIGTERM goes to the first task as soon
# as the file named in there exists, once.
SRUN = """#!/usr/bin/env bash
tasks=$SLURM_NNODES
while [[ $1 == -* ]]; do
    case $1 in
        --chdir) cd "$2" || exit 1; shift 2 ;;
        --output) output=$2; shift 2 ;;
        -w) tasks=1; shift 2 ;;
        *) shift ;;
    esac
done
[[ $1 == hostname ]] && { echo "127.0.0.1 192.0.2.1"; exit 0; }
output=${output//%j/$SLURM_JOB_ID}
pids=()
for ((node = 0; node < tasks; node++)); do
    SLURM_NODEID=$node SLURM_PROCID=$node "$@" >> "$output" 2>&1 &
    pids+=($!)
done
if [[ -e $FAKE/signal_when ]]; then
    awaited=$(cat "$FAKE/signal_when"); rm "$FAKE/signal_when"
    until [[ -e $awaited ]] || ! kill -0 "${pids[0]}" 2> /dev/null; do sleep 0.1; done
    kill -TERM "${pids[0]}"
fi
ended=0
for pid in "${pids[@]}"; do wait "$pid" || ended=$?; done
exit $ended
"""
SCONTROL = """#!/usr/bin/env bash
if [[ $1 == requeue ]]; then touch "$FAKE/requeue.$2"; else echo here; fi
"""
# `-j NUMBER` stands last. With $FAKE/drop, the first that is asked ends the process of sshd that serves it; with a file
# of that name, accounting or controller complain with its words.
SACCT = """#!/usr/bin/env bash
if [[ -e $FAKE/drop ]]; then
    rm "$FAKE/drop"; pid=$$
    until [[ $(ps -o comm= -p "$pid") == *sshd* ]]; do pid=$(ps -o ppid= -p "$pid" | tr -d ' '); done
    kill -9 "$pid"
fi
[[ -e $FAKE/no_accounting ]] && { cat "$FAKE/no_accounting" >&2; exit 1; }
sed -n "s/^${@: -1}|//p" "$FAKE/states" 2> /dev/null
"""
SQUEUE = """#!/usr/bin/env bash
[[ -e $FAKE/no_controller ]] && { cat "$FAKE/no_controller" >&2; exit 1; }
cat "$FAKE/queue" 2> /dev/null || true
"""
SCANCEL = """#!/usr/bin/env bash
[[ -e $FAKE/no_cancel ]] && { cat "$FAKE/no_cancel" >&2; exit 1; }
echo "$*" >> "$FAKE/cancelled"
"""
PROGRAMS = {"sbatch": SBATCH, "srun": SRUN, "scontrol": SCONTROL, "sacct": SACCT, "squeue": SQUEUE, "scancel": SCANCEL}


def install(folder: Path) -> dict[str, str]:
    """Write the stand-in into ``folder``/bin; return the environment of a machine that has it."""
    (folder / "bin").mkdir(exist_ok=True)
    for name, text in PROGRAMS.items():
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    python = Path(sys.executable).parent  # what `setup` would put in front
    return {"PATH": f"{folder / 'bin'}:{python}:{os.environ['PATH']}", "FAKE": str(folder)}
