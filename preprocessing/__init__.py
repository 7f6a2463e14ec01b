"""FORMEX XML -> clean legal documents -> Megatron indexed datasets and cited question-answer pairs.

Nothing in this package imports torch, NeMo or Megatron: the data side also runs where those have no wheel (macOS).
"""
