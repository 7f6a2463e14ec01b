"""Stands before Transformer Engine on the path of a run on a CPU, where it may be installed and can compute nothing.

NeMo and Megatron take it wherever they can import it, and their own layers where they can't.
"""

# of this kind, as when it is not installed: megatron/core/tensor_parallel/random.py expects no other
raise ModuleNotFoundError("Transformer Engine needs a GPU, and this process has none", name=__name__)
