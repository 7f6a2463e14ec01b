"""A whole run of two processes: each language's loss is the true one, and every record and curve is in its folder.

The learning rate is 0, so that the model stays the Hugging Face one it was imported from, and transformers can say what
each language's loss is.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from preprocessing.corpus.blend import load_blend
from preprocessing.corpus.indexed import bin_path, read_lengths
from preprocessing.errors import UsageError
from recipes.identity import read_identity
from recipes.metrics import read_metrics
from recipes.monitoring.facts import read_facts
from recipes.request import make_request
from recipes.shape import read_shape
from tests.recipes.monitoring.test_loggers import tensorboard_curve, wandb_curve, wandb_runs
from tests.recipes.tiny import Tiny, use_nemo_on_the_cpu

STEPS, BATCHES, BATCH, LENGTH = 3, 3, 8, 64
LAYOUTS = {"pipeline": (1, 2), "tensor": (2, 1)}
PROPERTIES = [pytest.param("pipeline"), pytest.param("tensor", marks=pytest.mark.slow)]


@dataclass(frozen=True)
class Run:
    folder: Path
    tiny: Tiny

    @property
    def validation(self) -> dict[str, Any]:
        (record,) = [record for record in read_metrics(self.folder) if "validation_loss" in record]
        return record

    @property
    def steps(self) -> list[dict[str, Any]]:
        return [record for record in read_metrics(self.folder) if "loss" in record]


@pytest.fixture(scope="module", params=PROPERTIES)
def run(request: pytest.FixtureRequest, tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Run:
    from tools.train import train

    use_nemo_on_the_cpu()
    folder = tmp_path_factory.mktemp("watched") / request.param
    tensor, pipeline = LAYOUTS[request.param]
    asked = make_request("cpt", model="tiny", checkpoint=tiny.nemo, data=tiny.blend, folder=folder)
    train(
        asked,
        [
            f"trainer.strategy.tensor_model_parallel_size={tensor}",
            f"trainer.strategy.pipeline_model_parallel_size={pipeline}",
            f"trainer.max_steps={STEPS}",
            f"trainer.limit_val_batches={BATCHES}",
            f"data.seq_length={LENGTH}",
            f"model.config.seq_length={LENGTH}",
            f"data.global_batch_size={BATCH}",
            "data.micro_batch_size=2",
            "data.num_workers=0",
            "optim.config.lr=1e-30",
            "optim.lr_scheduler.min_lr=0.0",
        ],
    )
    return Run(folder, tiny)


def true_losses(run: Run) -> dict[str, tuple[float, int]]:
    """The loss and tokens of each language over the samples that were validated, by transformers.

    Which language a sample has is looked up in the languages' own files.
    """
    import numpy as np
    import torch
    from nemo.collections.common.tokenizers.huggingface.auto_tokenizer import AutoTokenizer
    from transformers import AutoModelForCausalLM

    from recipes.data import LegalCorpusDataModule

    data = LegalCorpusDataModule(
        str(run.tiny.blend),
        AutoTokenizer(str(run.tiny.tokenizer)),
        seq_length=LENGTH,
        global_batch_size=BATCH,
        index_mapping_dir=str(run.folder / "sample_order"),
    )
    data.build(STEPS, 40, BATCHES, 0)
    texts = {}
    for entry in load_blend(run.tiny.blend).validation:
        _, dtype = read_lengths(entry.prefix)
        texts[entry.language] = " ".join(map(str, np.fromfile(bin_path(entry.prefix), dtype=dtype)))
    model: Any = AutoModelForCausalLM.from_pretrained(run.tiny.hf).eval()
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0])
    for number in range(BATCHES * BATCH):
        sample = data._validation_ds[number]
        window = " ".join(map(str, sample["tokens"][:12].tolist()))
        (language,) = [name for name, text in texts.items() if f" {window} " in f" {text} "]
        with torch.inference_mode():
            logits = model(sample["tokens"][None]).logits[0]
        losses = torch.nn.functional.cross_entropy(logits, sample["labels"], reduction="none")
        sums[language][0] += float((losses * sample["loss_mask"]).sum())
        sums[language][1] += int(sample["loss_mask"].sum())
    return {name: (loss / tokens, int(tokens)) for name, (loss, tokens) in sums.items()}


def test_the_loss_of_each_language_is_what_transformers_computes(run: Run) -> None:
    expected = true_losses(run)
    assert len(expected) >= 4
    record = run.validation
    assert record["validation_tokens_by_language"] == {name: tokens for name, (_, tokens) in sorted(expected.items())}
    for name, (loss, _) in expected.items():
        assert record["validation_loss_by_language"][name] == pytest.approx(loss, abs=1e-4)


def test_the_languages_together_are_the_validation_loss(run: Run) -> None:
    record = run.validation
    tokens = record["validation_tokens_by_language"]
    total = sum(record["validation_loss_by_language"][name] * count for name, count in tokens.items())
    assert sum(tokens.values()) == BATCHES * BATCH * LENGTH
    assert total / sum(tokens.values()) == pytest.approx(record["validation_loss"], abs=1e-5)


def test_every_step_has_its_throughput_memory_and_tokens(run: Run) -> None:
    assert [record["step"] for record in run.steps] == [1, 2, 3]
    for record in run.steps:
        assert record["consumed_tokens"] == record["step"] * BATCH * LENGTH
        assert record["tokens_per_second"] == pytest.approx(BATCH * LENGTH / record["seconds"], rel=0.01)
        assert record["tokens_per_second_per_device"] == pytest.approx(record["tokens_per_second"] / 2, rel=0.01)
        assert record["tflops_per_device"] > 0
        assert record["memory_gb"] > 0.1
        assert record["precision"] == "fp32"
        assert "mfu" not in record  # a CPU has no peak to be a share of


def test_curves_stand_in_the_run_s_folder_at_the_same_steps(run: Run) -> None:
    ((name, rows),) = wandb_runs(run.folder).items()
    assert name == f"run-{(run.folder / 'wandb_id').read_text().strip()}"
    for curve in ("reduced_train_loss", "lr", "grad_norm", "tokens_per_second", "memory_gb", "train_perplexity"):
        shown = tensorboard_curve(run.folder, curve)
        assert [step for step, _ in shown] == [1, 2, 3], curve
        assert wandb_curve(rows, curve) == [(step, pytest.approx(value)) for step, value in shown]
    languages = run.validation["validation_loss_by_language"]
    for curve in ("val_loss", "perplexity", *(f"val_loss/{name}" for name in languages)):
        assert [step for step, _ in tensorboard_curve(run.folder, curve)] == [STEPS], curve
        assert [step for step, _ in wandb_curve(rows, curve)] == [STEPS], curve


def test_the_report_is_there_when_the_run_ends(run: Run) -> None:
    report = json.loads((run.folder / "run_report.json").read_text())
    assert report["finished"] is True
    assert report["settings"]["precision"] == "fp32"
    assert report["validation_loss_by_language"] == run.validation["validation_loss_by_language"]
    assert "Validation loss by language" in (run.folder / "run_report.html").read_text()


def test_the_console_shows_the_languages(run: Run) -> None:
    lines = (run.folder / "console.log").read_text().splitlines()
    (validation,) = [line for line in lines if "validation" in line and "perplexity" in line]
    for name, loss in run.validation["validation_loss_by_language"].items():
        assert f"  {name} {loss:.4f}" in validation
    assert any("step 3/3" in line and "tok/s" in line and "GB" in line for line in lines)


def test_it_says_all_that_a_plan_needs_to_know_of_it(run: Run) -> None:
    from tools.plan.calibrate import calibrate, configuration_of_run

    with pytest.raises(UsageError, match="ran on a CPU"):
        calibrate(run.folder)
    facts = {**read_facts(run.folder), "devices": "2 x b200 (NVIDIA B200)"}
    wanted = configuration_of_run(facts, read_identity(run.folder) or {})
    assert wanted.shape == read_shape(run.tiny.nemo)
    assert (wanted.sequence_length, wanted.micro_batch_size, wanted.global_batch_size) == (LENGTH, 2, BATCH)
    assert (wanted.layout.tensor_parallel, wanted.layout.pipeline_parallel) in LAYOUTS.values()
    assert (wanted.layout.optimizer, wanted.layout.recompute, wanted.world_size) == ("adam", "none", 2)
