"""A checkpoint means the same on a CPU, in Megatron's own layers, and on a GPU, in Transformer Engine's.

pytest -m gpu tests/recipes/on_gpu
"""

from __future__ import annotations

from pathlib import Path

import pytest

from recipes.checkpoints import finished_checkpoints, step_of
from recipes.metrics import read_metrics
from tests.recipes.on_gpu.small import STEPS, Small, train, without_gpu

pytestmark = pytest.mark.gpu

# the model of `small`, imported, trained and exported by processes that see no GPU
ON_CPU = """
import sys
from pathlib import Path
from tests.recipes.on_gpu.small import PLAN, Small
from tools.bench.gpu_layers import prepare_model
from tools.checkpoint import export_checkpoint
from tools.train import train

folder, tokenizer, blend = map(Path, sys.argv[1:])
small = object.__new__(Small)
small.folder, small.blend = folder, blend
small.base = prepare_model(folder, tokenizer, PLAN, gpu=False)
train(small.request("on_cpu", hardware="1xcpu", precision="fp32", max_steps=10), ("log.wandb=null",))
export_checkpoint(folder / "runs" / "on_cpu", folder / "hf_from_cpu")
"""
BACK = """
import sys
from pathlib import Path
from tools.checkpoint import export_checkpoint
from tools.verify import verify_checkpoints

for run in map(Path, sys.argv[1:]):
    export_checkpoint(run, run / "hf")
    print(verify_checkpoints(run, run / "hf").text())
"""


@pytest.fixture(scope="module")
def cpu(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a run on a CPU, in FP32, and its export."""
    folder = tmp_path_factory.mktemp("on_cpu")
    without_gpu("-c", ON_CPU, folder, small.tokenizer, small.blend)
    return folder


def test_transformer_engine_computes_what_the_layers_of_a_cpu_do(cpu: Path) -> None:
    from tools.verify import verify_checkpoints

    # the export was made on the CPU; loaded here, every tensor is its, and so are the logits
    summary = verify_checkpoints(cpu / "runs" / "on_cpu", cpu / "hf_from_cpu")
    assert summary.dtype == "float32"
    assert summary.difference is not None


def test_a_gpu_goes_on_from_weights_that_a_cpu_trained(small: Small, cpu: Path) -> None:
    before = [record["loss"] for record in read_metrics(cpu / "runs" / "on_cpu") if "loss" in record]
    request = small.request("from_cpu", precision="bf16", checkpoint=cpu / "runs" / "on_cpu", max_steps=5)
    after = [record["loss"] for record in train(request)]
    assert after[0] < before[0] - 0.5
    assert after[0] == pytest.approx(before[-1], rel=0.1)


@pytest.fixture(scope="module")
def back(small: Small) -> str:
    """What is said of runs on the GPU that were exported and compared where no GPU is."""
    return without_gpu("-c", BACK, small.run("bf16"), small.run("fp8-delayed"))


def test_what_a_gpu_trained_is_exported_and_computes_the_same_on_a_cpu(back: str) -> None:
    lines = [line for line in back.splitlines() if "all 75 tensors equal" in line]
    assert len(lines) == 2, back


def test_a_run_goes_on_where_it_was_stopped(small: Small) -> None:
    whole = small.request("whole", precision="fp8-delayed", checkpoint_every=STEPS // 2, keep_checkpoints=2)
    expected = [record["loss"] for record in train(whole)]
    middle = next(path for path in finished_checkpoints(whole.folder) if step_of(path) == STEPS // 2)
    branch = small.request("branch", precision="fp8-delayed", checkpoint_every=STEPS // 2, keep_checkpoints=2)
    found = [record["loss"] for record in train(branch, resume_from=str(middle))]
    # moments are FP8 on the GPU and FP32 on the disk; sums on a GPU have no fixed order
    assert found == pytest.approx(expected[STEPS // 2 :], rel=5e-3)
