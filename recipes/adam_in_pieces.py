"""Transformer Engine's FusedAdam with moments in FP8 or BF16, without the FP32 copies of all of them.

FusedAdam 2.9 makes an FP32 copy of both moments of every tensor in a parameter group, keeps all copies until the group
is done, and writes them back (``optimizers/fused_adam.py``, ``step``). Megatron puts a model into two groups. So a step
takes 8 bytes a parameter on top of the states, which are 9 with weight and gradient: 141 GB more a GPU for 70B over
four. Saving (``get_unscaled_state`` of every tensor, ``state_dict``) and loading (``load_state_dict``) do the
same. Here a step goes through the group in pieces, copies for a checkpoint lie on the host, and loading makes every
state once. The arithmetic is Transformer Engine's, tensor by tensor as it was.

A checkpoint for any layout (``ckpt_optim_fully_reshardable``) holds all states in FP32, the 16-bit remainders of BF16
weights as whole numbers; FusedAdam takes back none but 16-bit ones, and gets them here.
"""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

from collections.abc import Iterator
from typing import Any

import torch
from nemo.lightning.pytorch.optim import MegatronOptimizerModule

from preprocessing.errors import RecipeError
from recipes.hardware import PIECE


class PiecewiseOptimizerModule(MegatronOptimizerModule):
    """NeMo's optimizer module, whose FusedAdam does its step in pieces where its moments are not FP32."""

    def optimizers(self, model: Any) -> list[Any]:
        """Make the optimizers as NeMo does, then change the class of each FusedAdam."""
        made: list[Any] = super().optimizers(model)
        for optimizer in made if self.config.use_precision_aware_optimizer else ():
            whole = optimizer.mcore_optimizer
            for part in getattr(whole, "chained_optimizers", [whole]):
                part.optimizer.__class__ = piecewise(type(part.optimizer))
        return made


def piecewise(kind: type[Any]) -> type[Any]:
    """Return a subclass of ``kind``, a FusedAdam, that holds FP32 copies of one piece of its states at a time."""

    class PiecewiseAdam(kind):  # type: ignore[misc]
        """See the module."""

        param_groups: list[dict[str, Any]]

        def step(self, closure: Any = None, grad_scaler: Any = None) -> Any:
            """One step of all groups, piece by piece."""
            loss = None if closure is None else closure()
            groups = self.param_groups
            self._copies_stay = True
            try:
                for group in groups:
                    # each piece counts the same step, and the group counts it once
                    count = {"step": group["step"]} if "step" in group else {}
                    hyperparameters = {name: value for name, value in group.items() if name not in ("params", "step")}
                    for piece in pieces(group["params"], PIECE):
                        self.param_groups = [{**hyperparameters, **count, "params": piece}]
                        super().step(grad_scaler=grad_scaler)
                        group["step"] = self.param_groups[0]["step"]
            finally:
                self.param_groups = groups
                self._copies_stay = False
            return loss

        def get_unscaled_state(self, param: torch.Tensor, state_name: str) -> torch.Tensor:
            """Return a state for a checkpoint; a copy in FP32 lies on the host."""
            unscaled: torch.Tensor = super().get_unscaled_state(param, state_name)
            if getattr(self, "_copies_stay", False) or unscaled is self.state[param][state_name]:
                return unscaled
            return unscaled.cpu()

        def set_scaled_state(self, param: torch.Tensor, state_name: str, unscaled_state: torch.Tensor) -> None:
            """Take a state from a checkpoint.

            Raises:
                RecipeError: it is a master weight, where remainders of BF16 weights are held.
            """
            remainders = self.store_param_remainders and param.dtype == torch.bfloat16
            if state_name == "master_param" and remainders and unscaled_state.dtype != torch.int16:
                whole = unscaled_state.to(torch.int16)
                if not torch.equal(whole.to(unscaled_state.dtype), unscaled_state):
                    raise RecipeError(
                        "the checkpoint holds master weights in FP32, and this run 16-bit remainders of BF16 weights; "
                        "set optim.config.store_param_remainders=false, or start from its weights with --checkpoint"
                    )
                unscaled_state = whole
            super().set_scaled_state(param, state_name, unscaled_state)

        def state_dict(self) -> dict[str, Any]:
            """Return the groups. Megatron takes the states one by one, through :meth:`get_unscaled_state`."""
            return {"state": {}, "param_groups": torch.optim.Optimizer.state_dict(self)["param_groups"]}

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            """Take the groups' values and make empty states; Megatron fills them one by one.

            The states that it passes are empty as well, there to tell types and sizes, and are let go of here.
            """
            for group, saved in zip(self.param_groups, state_dict["param_groups"], strict=True):
                group.update({name: value for name, value in saved.items() if name != "params"})
            wanted = bool(state_dict["state"])
            state_dict["state"].clear()
            for parameter in (each for group in self.param_groups for each in group["params"]):
                if wanted and not self.state[parameter]:
                    remainders = self.store_param_remainders and parameter.dtype == torch.bfloat16
                    self.initialize_state(parameter, remainders)

    return PiecewiseAdam


def pieces(parameters: list[torch.Tensor], elements: int) -> Iterator[list[torch.Tensor]]:
    """Divide ``parameters`` in their order into lists of at most so many ``elements``, or of one tensor."""
    piece: list[torch.Tensor] = []
    size = 0
    for parameter in parameters:
        if piece and size + parameter.numel() > elements:
            yield piece
            piece, size = [], 0
        piece.append(parameter)
        size += parameter.numel()
    if piece:
        yield piece
