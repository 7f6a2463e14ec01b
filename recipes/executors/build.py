"""From our settings to NeMo-Run's executors. Imports NeMo-Run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import nemo_run as run

from preprocessing.errors import UsageError
from recipes.executors.script import FILES, ROOT, docker_volumes
from recipes.executors.settings import Docker, Skypilot, Slurm, SlurmCorpus, SlurmTraining

# What was refused (exit status 2) is refused again: NeMo-Run's script puts back whatever ended otherwise than well.
_NO_RETRY = 'scontrol() { [ "${exitcode:-0}" -eq 2 ] || command scontrol "$@"; }'
# Of a job that goes back to a checkpoint (--resume-from, which would do so again); Slurm puts back what a node lost.
_ONCE = '[ "${SLURM_RESTART_COUNT:-0}" -eq 0 ] || { echo "not started again: retries is 0, or --resume-from"; exit 2; }'
# A rendezvous of its own for each job, should two share a machine; torchrun gets both by NeMo-Run's local executor.
_RENDEZVOUS = 'export MASTER_ADDR="${head_node_ip%% *}" MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))'


def slurm_executor(
    slurm: Slurm, job: SlurmTraining | SlurmCorpus, *, nodes: int = 1, gpus: int = 0, array: str | None = None
) -> run.SlurmExecutor:
    """Return the executor of a job on ``nodes`` nodes with ``gpus`` GPUs each, one process a node.

    That process is ``launch.py``, which starts torchrun for the devices of its node.
    """
    executor = run.SlurmExecutor(
        account=slurm.account,
        partition=job.partition,
        qos=slurm.qos,
        time=job.time,
        nodes=nodes,
        ntasks_per_node=1,
        cpus_per_task=job.cpus_per_task,
        mem=job.mem,
        # srun does not take it over from sbatch since Slurm 22.05, and would bind all workers to one processor
        srun_args=[f"--cpus-per-task={job.cpus_per_task}"] if job.cpus_per_task else [],
        retries=job.retries,
        container_image=slurm.container_image,
        container_mounts=list(slurm.container_mounts),
        additional_parameters=_sbatch_options(slurm.sbatch),
        packager=_packager(slurm.code),
        tunnel=tunnel(slurm),
        array=array,
        poll_estimated_start_time=False,
    )
    if isinstance(job, SlurmTraining):
        executor.exclusive = job.exclusive or None
        executor.signal = f"TERM@{job.checkpoint_before}" if job.checkpoint_before else None
        if gpus and job.gpus == "gpus-per-node":
            executor.gpus_per_node = gpus
        elif gpus and job.gpus == "gres":
            executor.gres = f"gpu:{gpus}"
    lines = [_NO_RETRY, *([] if job.retries else [_ONCE]), *([_RENDEZVOUS] if nodes > 1 else [])]
    executor.setup_lines = "\n".join(lines)
    return executor


def _sbatch_options(given: dict[str, Any]) -> dict[str, Any]:
    """Return further options of sbatch; True is an option without a value, None and False are none."""
    # a job whose predecessor failed would otherwise wait in the queue for ever
    options = {"kill_on_invalid_dep": "yes", **{str(name).replace("-", "_"): value for name, value in given.items()}}
    return {name: value for name, value in options.items() if value is not None and value is not False}


def tunnel(slurm: Slurm) -> run.LocalTunnel | run.SSHTunnel:
    """Return how Slurm's commands are reached: as programs here, or over ssh."""
    if not slurm.ssh_host:
        return run.LocalTunnel(job_dir="")
    return run.SSHTunnel(
        host=slurm.ssh_host,
        port=slurm.ssh_port or 22,
        user=slurm.ssh_user,
        job_dir=slurm.ssh_job_dir,
        identity=slurm.ssh_identity and str(Path(slurm.ssh_identity).expanduser()),
        # what it prints would be taken for the answer of the command after it
        pre_command=f"{{ {slurm.ssh_pre_command}\n}} > /dev/null" if slurm.ssh_pre_command else None,
    )


def docker_executor(docker: Docker) -> run.DockerExecutor:
    """Return the executor of a container on this machine, which sees the current folder and the repository."""
    return run.DockerExecutor(
        container_image=docker.container_image,
        num_gpus=docker.gpus or None,
        volumes=docker_volumes(docker),
        shm_size=docker.shm_size,
        ipc_mode=docker.ipc_mode,
        ulimits=list(docker.ulimits),
        packager=_packager(docker.code),
    )


def skypilot_executor(sky: Skypilot, *, nodes: int, gpus: int, chip: str) -> run.SkypilotExecutor:
    """Return the executor of ``nodes`` machines with ``gpus`` GPUs each.

    Raises:
        UsageError: SkyPilot is not installed.
    """
    if importlib.util.find_spec("sky") is None:
        raise UsageError('SkyPilot is not installed; pip install "skypilot[kubernetes]", then run: sky check')
    return run.SkypilotExecutor(
        infra=sky.infra,
        gpus=(sky.gpu or chip.upper()) if gpus else None,
        gpus_per_node=gpus or None,
        num_nodes=nodes,
        container_image=sky.container_image,
        file_mounts={there: str(Path(here).resolve()) for there, here in sky.file_mounts.items()},
        storage_mounts=sky.storage_mounts or None,
        cluster_name=sky.cluster_name,
        use_spot=sky.use_spot,
        disk_size=sky.disk_size,
        idle_minutes_to_autostop=sky.idle_minutes_to_autostop,
        autodown=sky.autodown,
        packager=_packager(sky.code),
    )


def _packager(code: str) -> Any:
    if code == "git":
        return run.GitArchivePackager(basepath=str(ROOT))
    if code == "files":
        return run.PatternPackager(
            include_pattern=[str(ROOT / name) for name in FILES], relative_path=[str(ROOT)] * len(FILES)
        )
    return run.Packager()  # the code is in the repository, which the job sees
