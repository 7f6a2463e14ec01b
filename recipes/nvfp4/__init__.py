"""NVFP4 training on any machine: each product of a linear layer on values rounded to NVFP4 and back, in plain torch.

``grids`` rounds single values, ``blocks`` scales and rounds tensors, ``hadamard`` spreads outliers, ``linear`` is the
three products of a layer, ``emulate`` puts them into Megatron's model. docs/nvfp4.md says what comes of it.
"""
