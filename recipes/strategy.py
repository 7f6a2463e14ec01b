"""Megatron's strategy, which reads checkpoints of any layers: Megatron's own, as on a CPU, and Transformer Engine's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lightning.pytorch.plugins.io.wrapper import _WrappingCheckpointIO
from megatron.core.dist_checkpointing.mapping import ShardedObject
from nemo import lightning as nl
from nemo.lightning.io.pl import MegatronCheckpointIO
from torch.distributed.checkpoint import FileSystemReader

_EXTRA_STATE = "_extra_state"


class CheckpointsOfAnyLayers(MegatronCheckpointIO):
    """NeMo's reader and writer, which does without extra states that the checkpoint has not.

    Transformer Engine's layers keep their scales of 8-bit formats there, and its norms nothing at all; yet Megatron
    refuses a checkpoint that lacks one of them, and the norms of its own layers write none. So what was imported or
    trained on a CPU would not load on a GPU. A weight that is missing is still an error.
    """

    def load_checkpoint(
        self, path: Any, sharded_state_dict: Any = None, map_location: Any = None, strict: Any = None
    ) -> dict[str, Any]:
        """As NeMo's; an extra state that is not there comes back as None, which Transformer Engine passes over."""
        folder = self._preprocess_checkpoint_load_path(path)
        stored = FileSystemReader(str(folder)).read_metadata().state_dict_metadata
        absent = [
            place
            for place, state in _objects(sharded_state_dict or {})
            if place[-1].endswith(_EXTRA_STATE) and state.unique_key not in stored
        ]
        for *parents, key in absent:
            del _inside(sharded_state_dict, parents)[key]
        loaded: dict[str, Any] = super().load_checkpoint(path, sharded_state_dict, map_location, strict)
        for *parents, key in absent:
            _inside(loaded, parents)[key] = None
        return loaded


class AnyLayersStrategy(nl.MegatronStrategy):
    """:class:`nemo.lightning.MegatronStrategy` with :class:`CheckpointsOfAnyLayers`."""

    @nl.MegatronStrategy.checkpoint_io.getter
    def checkpoint_io(self) -> Any:
        """NeMo's, with its settings and wrappers; the innermost reads as ours, also of those that adapters put in."""
        made = innermost = nl.MegatronStrategy.checkpoint_io.fget(self)
        while isinstance(innermost, _WrappingCheckpointIO):
            innermost = innermost.checkpoint_io
        if type(innermost) is MegatronCheckpointIO:
            innermost.__class__ = CheckpointsOfAnyLayers
        return made


def _objects(state: dict[str, Any], parents: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], ShardedObject]]:
    for key, value in state.items():
        if isinstance(value, dict):
            yield from _objects(value, (*parents, key))
        elif isinstance(value, ShardedObject):
            yield (*parents, str(key)), value


def _inside(state: Any, parents: list[str]) -> Any:
    for parent in parents:
        state = state[parent]
    return state
