"""The whole job, small, on a CPU: every stage through the code and the libraries of a real run.

    python launch.py quickstart                    # invented law
    python launch.py quickstart --formex PATH      # real FORMEX

What is finished is not done again: a run that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preprocessing.errors import UsageError
from preprocessing.files import write_json
from recipes.settings import CONFIGS, Stage, load_stage

CONFIG = CONFIGS / "quickstart.yaml"
STATE = "quickstart.json"
SUMMARY = "summary.json"
GDPR = "32016R0679"
# small corpora: a tenth of the acts held out is two or three
HELD_OUT = 0.1
CHATS = 5000
STAGES = 10


@dataclass
class QuickstartSummary:
    """What was read, what training did to the loss, how the tuned model compares, and where everything is.

    ``losses``: by checkpoint (base, cpt, tuned) and language, mean cross-entropy in nats on held-out text.
    """

    output: str
    documents: int
    tokens: dict[str, int]
    losses: dict[str, dict[str, float]]
    chats: int
    comparison: str
    seconds: dict[str, float] = field(default_factory=dict)

    def text(self) -> str:
        """The summary for people."""
        languages = list(self.tokens)
        rows = [["", *languages], ["training tokens", *(f"{self.tokens[code]:,}" for code in languages)]]
        titles = {"base": "loss before", "cpt": "after CPT", "tuned": "after SFT"}
        for name, losses in self.losses.items():
            rows.append([titles[name], *(f"{losses[code]:.3f}" if code in losses else "-" for code in languages)])
        output = Path(self.output)
        return "\n".join(
            [
                f"Done in {sum(self.seconds.values()):.0f} s: {self.documents} documents, {self.chats:,} cited chats.",
                "",
                "Held-out legal text (mean loss in nats a token, computed by transformers):",
                *(f"  {row[0]:16}" + "".join(f"{cell:>10}" for cell in row[1:]) for row in rows),
                "",
                self.comparison,
                "",
                f"corpus report   {output / 'corpus/report.html'}",
                f"comparison      {output / 'comparison/report.html'}",
                f"tuned model     {output / 'tuned'} (Hugging Face)",
                f"loss curves     tensorboard --logdir {output / 'runs'}",
                "",
                "Next, a real run: python launch.py import HF_LLAMA_FOLDER --output checkpoints/llama33_70b, then",
                "python launch.py cpt --hardware 4xb200 --dry-run; README.md has the whole path.",
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """For --json."""
        from dataclasses import asdict

        return asdict(self)


def quickstart(output: Path, formex: Path | None = None, celex: str | None = None) -> QuickstartSummary:
    """Run every stage into ``output``.

    Args:
        output: a new folder, or one of a quickstart with the same inputs, which then goes on.
        formex: real FORMEX files; without, invented acts are written.
        celex: the act that the test set asks about; by default the sample's own, of real files the GDPR or else the act
            with the most articles.

    Raises:
        UsageError: ``output`` was made from other inputs.
        RecipeError: a stage failed.
    """
    _claim(output, {"formex": str(formex.resolve()) if formex else None, "celex": celex, "config": CONFIG.read_text()})
    stages = {name: load_stage(name, CONFIG) for name in ("cpt", "sft")}
    clock = _Clock()
    documents, model = _prepare_data(output, formex, celex, stages, clock)
    _train(output, model, clock)
    with clock("comparing"):
        from tools.evaluation.compare import compare

        comparison = compare(
            model,
            output / "tuned",
            output / "test-set.jsonl",
            output / "comparison",
            registry=output / "corpus",
            batch_size=20,
            max_new_tokens=128,
        )
    with clock("measuring loss on held-out text"):
        losses = _losses(output, model, stages["cpt"])
    report = json.loads((output / "sft" / "report.json").read_text(encoding="utf-8"))
    from preprocessing.corpus.blend import load_blend

    blend = load_blend(output / "corpus" / "cpt" / "blend.yaml")
    summary = QuickstartSummary(
        output=str(output),
        documents=documents,
        tokens={entry.language: entry.tokens for entry in blend.train},
        losses=losses,
        chats=report["pairs"],
        comparison=comparison.text(),
        seconds=clock.seconds,
    )
    write_json(output / SUMMARY, summary.to_dict())
    return summary


def _claim(output: Path, inputs: dict[str, Any]) -> None:
    """Note what ``output`` is made from; refuse one that was made from something else."""
    state = output / STATE
    if state.is_file():
        if json.loads(state.read_text(encoding="utf-8")) != inputs:
            raise UsageError(f"{output} holds a quickstart with other inputs; remove it or choose another --output")
        return
    if output.exists() and any(output.iterdir()):
        raise UsageError(f"{output} is not empty and holds no quickstart; choose another --output")
    write_json(state, inputs)


class _Clock:
    """Announces each stage and keeps its seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, what: str) -> Iterator[None]:
        print(f"\n[{len(self.seconds) + 1}/{STAGES}] {what}", file=sys.stderr, flush=True)
        started = time.monotonic()
        yield
        self.seconds[what] = round(time.monotonic() - started, 1)


def _prepare_data(
    output: Path, formex: Path | None, celex: str | None, stages: dict[str, Stage], clock: _Clock
) -> tuple[int, Path]:
    """Sample, corpus, test set and chats; return the number of documents and the base checkpoint."""
    from preprocessing.corpus.pipeline import preprocess
    from preprocessing.corpus.settings import Settings
    from preprocessing.instruct.build import build_sft
    from preprocessing.instruct.test_set import build_test_set
    from tools.sample.build import sample

    with clock(
        "sample: invented law and a tiny Llama" if formex is None else "a tiny Llama with a tokenizer of its own"
    ):
        made = sample(output / "sample", formex=formex)
    model = Path(made.model)
    with clock("corpus: FORMEX to Megatron datasets"):
        corpus = preprocess(
            [Path(made.formex)],
            output / "corpus",
            model,
            Settings(seq_length=stages["cpt"].sequence_length, validation_share=HELD_OUT),
            overwrite=True,
        )
    with clock("test set and cited chats"):
        act = celex or made.test_act or _act_to_test(output / "corpus")
        questions = build_test_set(output / "corpus", output / "test-set.jsonl", celex=act)
        chats = build_sft(
            output / "corpus", output / "sft", pairs=CHATS, exclude=output / "test-set.jsonl", held_out=HELD_OUT
        )
    for summary in (corpus, questions, chats):
        print(summary.text(), file=sys.stderr)
    return int(corpus.report["documents"]["kept"]), model


def _act_to_test(corpus: Path) -> str:
    """The GDPR where it is in the corpus, else the act with the most articles."""
    from preprocessing.corpus.registry import Registry

    registry = Registry.load(corpus)
    if registry.has_act(GDPR):
        return GDPR
    return max(registry, key=lambda act: (len(act.articles), act.celex)).celex


def _train(output: Path, model: Path, clock: _Clock) -> None:
    """Import, CPT, SFT, and both results back to Hugging Face."""
    from recipes.checkpoints import is_checkpoint
    from recipes.request import make_request
    from tools.checkpoint import export_checkpoint, import_checkpoint
    from tools.train import train

    with clock("import into NeMo"):
        if not is_checkpoint(output / "base"):
            print(import_checkpoint(model, output / "base").text(), file=sys.stderr)
    runs = {
        "cpt": (output / "base", output / "corpus" / "cpt" / "blend.yaml", output / "cpt"),
        "sft": (output / "runs" / "cpt", output / "sft", output / "tuned"),
    }
    for stage, (start, data, exported) in runs.items():
        with clock(f"{stage}: training in two processes, tensor parallel"):
            request = make_request(
                stage, model="tiny", checkpoint=start, data=data, folder=output / "runs" / stage, config=CONFIG
            )
            result = train(request)
            print(result.text(), file=sys.stderr)
        with clock(f"{stage}: export to Hugging Face"):
            if not (exported / "config.json").is_file():
                print(export_checkpoint(output / "runs" / stage, exported).text(), file=sys.stderr)


def _losses(output: Path, model: Path, stage: Stage) -> dict[str, dict[str, float]]:
    from tools.evaluation.held_out import held_out_loss

    blend = output / "corpus" / "cpt" / "blend.yaml"
    checkpoints = {"base": model, "cpt": output / "cpt", "tuned": output / "tuned"}
    found = {name: held_out_loss(folder, blend, stage.sequence_length) for name, folder in checkpoints.items()}
    return {name: {code: round(loss.loss, 4) for code, loss in losses.items()} for name, losses in found.items()}
