"""The architecture of a recipe's model is the checkpoint's."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from preprocessing.errors import RecipeError, UsageError
from tests.recipes.tiny import ROPE_SCALING, ROPE_THETA, SIZES, VOCABULARY, Tiny

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")

EXPECTED: dict[str, Any] = {
    "num_layers": SIZES["layers"],
    "hidden_size": SIZES["hidden"],
    "ffn_hidden_size": SIZES["ffn"],
    "num_attention_heads": 4,
    "num_query_groups": 2,
    "vocab_size": VOCABULARY,
    "share_embeddings_and_output_weights": False,
    "layernorm_epsilon": 1e-5,
    "rotary_base": ROPE_THETA,
    "scale_factor": ROPE_SCALING["factor"],
    "low_freq_factor": ROPE_SCALING["low_freq_factor"],
    "high_freq_factor": ROPE_SCALING["high_freq_factor"],
    "old_context_len": ROPE_SCALING["original_max_position_embeddings"],
}


def test_a_recipe_takes_every_field_from_the_checkpoint(tiny: Tiny) -> None:
    from recipes.model import llama

    config = llama(tiny.nemo, sequence_length=99).config
    assert {name: getattr(config, name) for name in EXPECTED} == EXPECTED
    assert config.seq_length == 99


def test_a_checkpoint_that_is_there_wins_over_the_stand_in(tiny: Tiny) -> None:
    from nemo.collections import llm

    from recipes.model import llama

    assert llama(tiny.nemo, 99, stand_in=llm.Llama31Config70B).config.num_layers == SIZES["layers"]


def test_the_stand_in_is_taken_where_no_checkpoint_is(tmp_path: Path) -> None:
    from nemo.collections import llm

    from recipes.model import llama

    config = llama(tmp_path / "none", 4096, stand_in=llm.Llama31Config70B).config
    assert (config.num_layers, config.hidden_size, config.seq_length) == (80, 8192, 4096)
    assert config.rotary_base == 500000


def test_without_checkpoint_and_stand_in_the_way_to_one_is_named(tmp_path: Path) -> None:
    from recipes.model import llama

    with pytest.raises(UsageError, match=r"no NeMo checkpoint at .*none; make one with: python launch\.py import"):
        llama(tmp_path / "none", 4096)


def test_the_checkpoints_own_configuration_passes(tiny: Tiny) -> None:
    from recipes.model import assert_architecture, imported_config

    assert_architecture(imported_config(tiny.nemo), tiny.nemo)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_field_that_differs_is_named_with_both_values(tiny: Tiny, name: str) -> None:
    from recipes.model import architecture, assert_architecture, imported_config

    other = SimpleNamespace(**{**architecture(imported_config(tiny.nemo)), name: 12345})
    with pytest.raises(RecipeError, match=rf"{name} is 12345, not {EXPECTED[name]}$"):
        assert_architecture(other, tiny.nemo)


def test_nemos_own_llama_3_configuration_would_not_pass(tiny: Tiny) -> None:
    # the trap: it has the right name and another RoPE base, and the weights load into it without a word
    from nemo.collections.llm.gpt.model.llama import Llama31Config

    from recipes.model import assert_architecture

    wrong = Llama31Config(num_layers=2, hidden_size=64, ffn_hidden_size=96, num_attention_heads=4)
    with pytest.raises(RecipeError, match=f"rotary_base is .*, not {ROPE_THETA}"):
        assert_architecture(wrong, tiny.nemo)


def test_the_tokenizer_is_the_checkpoints_with_the_marking_template(tiny: Tiny) -> None:
    import fiddle as fdl

    from recipes.model import CHAT_TEMPLATE, tokenizer

    config = tokenizer(tiny.nemo)
    built = fdl.build(config)
    assert Path(config.pretrained_model_name) == tiny.nemo / "context" / "tokenizer"
    assert built.tokenizer.chat_template == CHAT_TEMPLATE.read_text(encoding="utf-8")
    assert built.vocab_size == VOCABULARY
