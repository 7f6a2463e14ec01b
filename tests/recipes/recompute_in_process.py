"""Steps of one Megatron model with dropout, whose activations are kept or computed again, in one process and in two.

Written to FOLDER/RANKS-SEQUENCE_PARALLEL.json, for each of :data:`MODES`: what :func:`steps` says of it. The forward
pass of a norm puts its input through an identity first: its gradient is then the same sum in the same order, whether
the norm is computed once or twice (float sums depend on their order, and the residual goes the same way).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from tests.recipes.warm import finished, forked

SELECTIVE = ("core_attn", "layernorm", "mlp")  # the others are of mixtures of experts and latent attention
MODES: dict[str, dict[str, Any]] = {
    "none": {},
    "full": {"recompute_granularity": "full", "recompute_method": "uniform", "recompute_num_layers": 1},
    "full of two": {"recompute_granularity": "full", "recompute_method": "block", "recompute_num_layers": 2},
    **{name: {"recompute_granularity": "selective", "recompute_modules": [name]} for name in SELECTIVE},
    "all three": {"recompute_granularity": "selective", "recompute_modules": list(SELECTIVE)},
}
LAYOUTS = ((1, False), (2, False), (2, True))
LENGTH, BATCH, VOCABULARY = 32, 2, 128


def model(tensor_parallel: int, sequence_parallel: bool, mode: dict[str, Any]) -> torch.nn.Module:
    """A Llama of three layers with dropout everywhere; the same weights at each call."""
    from megatron.core.models.gpt import GPTModel
    from megatron.core.models.gpt.gpt_layer_specs import get_gpt_layer_local_spec
    from megatron.core.transformer.transformer_config import TransformerConfig

    torch.manual_seed(0)
    config = TransformerConfig(
        num_layers=3,
        hidden_size=64,
        num_attention_heads=4,
        num_query_groups=2,
        ffn_hidden_size=96,
        normalization="RMSNorm",
        add_bias_linear=False,
        gated_linear_unit=True,
        activation_func=torch.nn.functional.silu,
        hidden_dropout=0.1,
        attention_dropout=0.2,
        use_cpu_initialization=True,
        tensor_model_parallel_size=tensor_parallel,
        sequence_parallel=sequence_parallel,
        **mode,
    )
    made: torch.nn.Module = GPTModel(
        config,
        get_gpt_layer_local_spec(normalization="RMSNorm"),
        vocab_size=VOCABULARY,
        max_sequence_length=LENGTH,
        position_embedding_type="rope",
        share_embeddings_and_output_weights=False,
    )
    for layer in made.decoder.layers:  # type: ignore[union-attr]
        for norm in (layer.input_layernorm, layer.pre_mlp_layernorm):
            norm.register_forward_pre_hook(lambda _, inputs: (inputs[0].view_as(inputs[0]),))
    return made


def loss(model: torch.nn.Module, step: int) -> torch.Tensor:
    """The loss of a step, whose random numbers follow from its number."""
    torch.manual_seed(step)
    tokens = torch.randint(VOCABULARY, (BATCH, LENGTH))
    mask = torch.ones(1, 1, LENGTH, LENGTH).triu(1).bool()
    result: torch.Tensor = model(tokens, torch.arange(LENGTH).expand(BATCH, -1), mask, labels=tokens.roll(-1, 1)).mean()
    return result


def kept(model: torch.nn.Module) -> int:
    """Bytes that a forward pass keeps for the backward pass."""
    saved: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: saved.append(tensor) or tensor, lambda tensor: tensor):  # type: ignore[func-returns-value]
        result = loss(model, 0)
    # looked at afterwards: outputs of recomputed norms are emptied when they have been used
    sizes = {tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in saved}
    del result
    return sum(sizes.values())


def steps(layout: tuple[int, bool], mode: dict[str, Any], count: int = 3) -> tuple[dict[str, Any], list[torch.Tensor]]:
    """Train ``count`` steps; return what a person may read, and all gradients and the last random number."""
    made = model(*layout, mode)
    optimizer = torch.optim.AdamW(made.parameters(), lr=1e-2)
    losses, seen = [], []
    for step in range(count):
        optimizer.zero_grad()
        result = loss(made, step)
        result.backward()
        losses.append(result.item())
        seen += [parameter.grad.clone() for parameter in made.parameters() if parameter.grad is not None]
        optimizer.step()
    return {"losses": losses, "tensors": len(seen), "kept": kept(made)}, [*seen, torch.rand(1)]


def be_rank(rank: int, layout: tuple[int, bool], folder: Path) -> None:
    """Do all modes of a layout; the last rank writes them down."""
    from megatron.core import parallel_state

    ranks = layout[0]
    name = "-".join(map(str, layout))
    torch.distributed.init_process_group(
        "gloo", rank=rank, world_size=ranks, init_method=f"file://{folder}/rendezvous-{name}"
    )
    parallel_state.initialize_model_parallel(tensor_model_parallel_size=ranks)
    found = {}
    reference: list[torch.Tensor] = []
    for mode, settings in MODES.items():
        found[mode], tensors = steps(layout, settings)
        reference = reference or tensors
        found[mode]["equal"] = len(tensors) == len(reference) and all(map(torch.equal, tensors, reference))
    if rank == ranks - 1:
        (folder / f"{name}.json").write_text(json.dumps(found))


def main(folder: str) -> None:
    """Do all layouts, one after the other."""
    for layout in LAYOUTS:
        ranks = [forked(lambda rank=rank: be_rank(rank, layout, Path(folder))) for rank in range(layout[0])]  # type: ignore[misc] # noqa: B023
        if finished(*ranks):
            raise RuntimeError(f"a rank of {layout} failed")
