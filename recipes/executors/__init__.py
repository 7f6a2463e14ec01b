"""Where a run happens: on this machine, on a Slurm cluster, in a container.

``settings`` reads ``nemo_configs/executors/*.yaml``, ``script`` writes what a job runs, ``jobs`` hands it to NeMo-Run.
A job runs ``launch.py`` there with the options it was given here: the recipe is composed where the checkpoint and the
GPUs are, and nothing but NeMo-Run is needed on the machine that submits.
"""
