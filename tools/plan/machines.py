"""The GPUs that a plan is for: also those that no profile is about, or that only the options describe."""

from __future__ import annotations

import dataclasses
import re

from preprocessing.errors import UsageError
from recipes.formats import AUTO, BEST, CPU, FORMATS, format_named
from recipes.gpus import GPUS, Gpu
from recipes.hardware import nearest_chip
from tools.plan.amounts import amount
from tools.plan.coefficients import able, known

_NAME = re.compile(r"(?P<nodes>\d{1,7}x)?(?P<devices>\d{1,7})x(?P<chip>[a-z]\w*)", re.ASCII)
#: Whose capability, links and memory bandwidth a GPU gets that is described alone, by the smallest type it computes in.
_LIKE = {"nvfp4": "b200", "fp8": "h100", "bf16": "a100"}


def machine(
    name: str | None, memory: float | None, tflops: str | None, notes: list[str]
) -> tuple[str | None, Gpu | None]:
    """Return the name of hardware that has a profile, and the GPU where it is not that of the profile.

    Such a GPU is laid out as the profile's. A training command wants a profile of its own for it.

    Args:
        name: as ``2x8xb200``; None: the model's own hardware.
        memory: GB of a GPU, of one that is known too.
        tflops: its dense peaks, as ``989`` or ``bf16=989,fp8=1979``; of one that is known those that differ.
        notes: gets a line for each thing that is assumed.

    Raises:
        UsageError: the name or a number can't be, or too little is given of an unknown GPU.
    """
    parts = _NAME.fullmatch(name or "")
    described = memory is not None or tflops is not None
    if not described and (not parts or parts["chip"] not in GPUS):
        return name, None
    if not parts or parts["chip"] == CPU:
        raise UsageError(
            "--gpu-memory and --gpu-tflops are for --hardware GPUSxNAME or NODESxGPUSxNAME, as 8xnew or 2x8xnew"
            + (f", not '{name}'" if name else "")
        )
    nodes, devices = parts["nodes"] or "", int(parts["devices"])
    if devices < 1 or (nodes and int(nodes[:-1]) < 1):
        raise UsageError(f"--hardware can't be '{name}': nodes and GPUs must be at least 1")
    gpu = _described(parts["chip"], memory, tflops, notes) if described else GPUS[parts["chip"]]
    chip = nearest_chip(gpu, devices)
    if gpu == GPUS[chip]:
        return name, None
    if chip != gpu.name:
        notes.append(f"  assumed     {gpu.name} is laid out as {chip}: nemo_configs/hardware has no profile of it")
    return f"{nodes}{devices}x{chip}", gpu


def _described(name: str, memory: float | None, tflops: str | None, notes: list[str]) -> Gpu:
    """What the options leave out is that of the GPU of this name, else of one that computes in the same types."""
    there = GPUS.get(name)
    if there is None and (memory is None or tflops is None):
        raise UsageError(
            "a GPU that is not known here needs all three: --hardware 8xnew --gpu-memory GB --gpu-tflops bf16=989"
        )
    peaks = dict(there.peaks) if there else {}
    if tflops is not None:
        peaks |= _peaks(tflops)
    if "bf16" not in peaks:
        raise UsageError(f"--gpu-tflops can't be '{tflops}': the peak of bf16 is missing")
    like = there or GPUS[next(like for inputs, like in _LIKE.items() if inputs in peaks)]
    if there is None:
        article = "an" if like.name[0] in "ah" else "a"
        notes.append(
            f"  assumed     {name} has the memory bandwidth, links and efficiency of {article} {like.name.upper()}"
        )
    size = like.memory if memory is None else amount(memory, "--gpu-memory") * 1e9
    return dataclasses.replace(like, name=name, memory=size, peaks=peaks)


def _peaks(given: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for item in given.split(","):
        name, _, number = item.rpartition("=")
        name = name.strip() or "bf16"
        try:
            if name in found or name not in _LIKE:
                raise ValueError(name)
            found[name] = amount(float(number), name)
        except (ValueError, UsageError):
            raise UsageError(f"--gpu-tflops can't be '{given}'; write 989, or bf16=989,fp8=1979,nvfp4=...") from None
    return found


def precision(name: str, gpu: Gpu | None) -> str:
    """Return the format called ``name``, of ``auto`` the fastest of ``gpu``; None is a profile's, which knows its own.

    Raises:
        UsageError: there is no such format, or the GPU can't train in it.
    """
    if gpu is None:
        return name
    formats = able(gpu)
    if name == AUTO:
        return next(best for best in BEST if FORMATS[best] in formats)
    choice = format_named(name)
    if known(choice) and choice not in formats:
        names = " or ".join(form.name for form in formats)
        raise UsageError(f"{gpu.name.upper()} can't train in {choice.name}; use {names}")
    return name
