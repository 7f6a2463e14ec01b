"""What quantization does to a model's tensors, by Transformer Engine's own debug features.

Off unless ``quantization_every`` of ``nemo_configs/monitoring.yaml`` is set: it takes time at the steps it looks at. It
needs a GPU, Transformer Engine, and NVIDIA's inspect tool (``pip install nvdlfw-inspect==0.2.2``). Written for
Transformer Engine 2.9, where FP8 has the share of values that became 0 and the error, and NVFP4 (whose own feature came
later) the largest value and the dynamic range of what is quantized.
"""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

import importlib.util
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch.callbacks import Callback

from preprocessing.files import atomic_file
from recipes.monitoring.console import say
from recipes.monitoring.run_log import keep, own_loggers

_TENSORS = ("activation", "gradient", "weight")
_FP8 = ("underflows%", "mse")
_ANY = ("cur_amax", "dynamic_range")
_NVFP4_FEATURE = "log_nvfp4_tensor_stats.py"


class QuantizationStatistics(Callback):
    """Records, every so many steps, the mean and the worst over the layers of each statistic of each kind of tensor.

    Under pipeline parallelism those are the layers of the first stage: rank 0 records. Every rank must carry the
    callback, since a statistic is put together over the ranks that hold parts of its tensor.
    """

    def __init__(self, folder: str, precision: str, every: int) -> None:
        """``folder``: the run's; ``precision``: of ``recipes.formats.FORMATS``; ``every``: steps, 0 for never."""
        self.folder = folder
        self.precision = precision
        self.every = every
        self._on = False

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Start the tool; it must be there before the first layer of Transformer Engine is made."""
        if not self.every or stage != "fit" or not self.precision.startswith(("fp8", "mxfp8", "nvfp4")):
            return
        missing = [name for name in ("nvdlfw_inspect", "transformer_engine") if importlib.util.find_spec(name) is None]
        if missing or self.precision == "nvfp4-emulated":
            if trainer.is_global_zero:
                why = f"{' and '.join(missing)} is not installed" if missing else "the emulation has none"
                say(Path(self.folder), f"no quantization statistics: {why}")
            return
        self._start(trainer, pl_module)
        self._on = True

    def _start(self, trainer: Any, pl_module: Any) -> None:
        import nvdlfw_inspect.api as inspect_api
        import transformer_engine.debug.features as features

        shipped = Path(next(iter(features.__path__)))
        logs = Path(self.folder) / "logs" / "quantization"
        wanted = settings_of(self.precision, pl_module.config, self.every, (shipped / _NVFP4_FEATURE).is_file())
        # one file a rank: they may be on machines without a common disk
        config = logs / f"inspect-{trainer.global_rank}.yaml"
        with atomic_file(config) as stream:
            yaml.safe_dump(wanted, stream)
        self._gathered = _collector()
        inspect_api.initialize(
            config_file=str(config),
            feature_dirs=[str(shipped)],
            statistics_logger=self._gathered,
            log_dir=str(logs),
        )

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Name the layers, and say whose statistics belong together."""
        if not self._on:
            return
        import nvdlfw_inspect.api as inspect_api
        from megatron.core import parallel_state

        inspect_api.initialize_training_step(trainer.global_step + 1)
        inspect_api.infer_and_assign_layer_names(list(trainer.strategy.megatron_parallel))
        inspect_api.set_tensor_reduction_group(
            parallel_state.get_tensor_and_data_parallel_group(with_context_parallel=True)
        )

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Gather what this step left (on every rank), and record it on rank 0."""
        if not self._on:
            return
        import nvdlfw_inspect.api as inspect_api

        inspect_api.step()
        found = summary(self._gathered.values)
        self._gathered.values = {}
        if not found or not trainer.is_global_zero:
            return
        keep(Path(self.folder), {"step": trainer.global_step, "quantization": found})
        for logger in own_loggers(trainer):
            logger.record({f"quantization/{name}": value for name, value in found.items()}, trainer.global_step)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Close the tool's files."""
        if self._on:
            import nvdlfw_inspect.api as inspect_api

            inspect_api.end_debug()


def settings_of(precision: str, model: Any, every: int, nvfp4_feature: bool) -> dict[str, Any]:
    """Return the tool's settings: which statistics of which layers.

    Only layers that are quantized: Transformer Engine 2.9 stops the run at an FP8 statistic of one that is not.
    ``nvfp4_feature``: whether this Transformer Engine has one for NVFP4 (newer than 2.9).
    """
    first, last = 1, model.num_layers
    if getattr(model, "first_last_layers_bf16", False):
        first += model.num_layers_at_start_in_bf16
        last -= model.num_layers_at_end_in_bf16
    numbers = "|".join(map(str, range(first, last + 1)))

    def statistics(*names: str) -> dict[str, Any]:
        return {"enabled": True, "tensors": list(_TENSORS), "stats": list(names), "freq": every}

    wanted = {"LogTensorStats": statistics(*_ANY)}
    if precision != "nvfp4":
        wanted["LogFp8TensorStats"] = statistics(*_FP8)
    elif nvfp4_feature:
        wanted["LogNvfp4TensorStats"] = statistics(*_FP8)
    pattern = rf".*layers\.({numbers})\..*(linear_qkv|linear_proj|linear_fc1|linear_fc2)$"
    return {
        "quantization": {
            "enabled": True,
            "layers": {"layer_name_regex_pattern": pattern},
            "transformer_engine": wanted,
        }
    }


def summary(values: dict[str, float]) -> dict[str, float]:
    """Return mean and maximum over the layers, of ``values`` named ``<layer>_<tensor>_<statistic>``."""
    groups: dict[str, list[float]] = defaultdict(list)
    for name, value in values.items():
        found = re.search(rf"_({'|'.join(_TENSORS)})_(.+)$", name)
        if found:
            groups[f"{found[1]}_{found[2]}"].append(value)
    return {
        f"{name}_{kind}": round(result, 8)
        for name, numbers in sorted(groups.items())
        for kind, result in (("mean", sum(numbers) / len(numbers)), ("max", max(numbers)))
    }


def _collector() -> Any:
    from nvdlfw_inspect.logging import BaseLogger

    class Collector(BaseLogger):
        """Keeps the values of a step until they are summed up."""

        def __init__(self) -> None:
            super().__init__()
            self.values: dict[str, float] = {}

        def log_scalar(self, name: str, value: Any, iteration: int, **more: Any) -> None:
            """Called by the tool for each statistic."""
            self.values[name] = float(value)

    return Collector()
