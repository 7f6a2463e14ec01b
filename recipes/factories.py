"""The recipes by name, as NeMo's command line lists them: ``eurlex_STAGE_MODEL``.

    nemo llm pretrain --factory eurlex_cpt_tiny trainer.max_steps=3 -y
    nemo llm finetune --factory "eurlex_sft_llama33_70b(data='data/sft', peft='lora')" --dryrun

``workspace.py`` imports this module; NeMo-Run registers every function that carries ``run.cli.factory``.
"""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

from collections.abc import Callable
from pathlib import Path
from typing import Optional

import nemo_run as run
from nemo.collections import llm

from recipes import cpt, sft
from recipes.request import make_request
from recipes.settings import CONFIGS, STAGES

_ABOUT = {
    "cpt": "Continued pre-training of {model} on the corpus.",
    "cpt_fast": "Continued pre-training of {model} on the best part of the corpus.",
    "sft": "Instruction tuning of {model} on cited answers.",
}
MODELS = sorted(path.stem for path in (CONFIGS / "models").glob("*.yaml"))


def _factory(stage: str, model: str) -> Callable[..., run.Partial]:
    # `nemo llm` starts no processes by itself: on a CPU there is one
    one_process = "1xcpu" if make_request("cpt", model=model).hardware.name == "cpu" else None

    def factory(
        checkpoint: Optional[str] = None,  # noqa: UP045 (NeMo-Run's parser does not know `str | None`)
        data: Optional[str] = None,  # noqa: UP045
        folder: Optional[str] = None,  # noqa: UP045
        hardware: Optional[str] = one_process,  # noqa: UP045
        precision: str = "auto",
        peft: Optional[str] = None,  # noqa: UP045
    ) -> run.Partial:
        compose = sft.recipe if stage == "sft" else cpt.recipe
        return compose(
            make_request(
                stage,
                model=model,
                hardware=hardware,
                precision=precision,
                peft=peft,
                checkpoint=_path(checkpoint),
                data=_path(data),
                folder=_path(folder),
            )
        )

    factory.__name__ = factory.__qualname__ = f"eurlex_{stage}_{model}"
    factory.__doc__ = _ABOUT[stage].format(model=model)
    registered: Callable[..., run.Partial] = run.cli.factory(target=llm.finetune if stage == "sft" else llm.pretrain)(
        factory
    )
    return registered


def _path(value: str | None) -> Path | None:
    return Path(value) if value else None


FACTORIES = {f"eurlex_{stage}_{model}": _factory(stage, model) for stage in STAGES for model in MODELS}
