"""``nemo_configs/monitoring.yaml`` is read as written, and refused where it makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from preprocessing.errors import UsageError
from recipes.monitoring.settings import FILE, load_monitoring


def changed(folder: Path, old: str, new: str) -> Path:
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path = folder / "monitoring.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


@pytest.mark.parametrize("off", ["off", "'off'"])
def test_wandb_is_off_however_yaml_reads_the_word(tmp_path: Path, off: str) -> None:
    assert load_monitoring(changed(tmp_path, "wandb: auto", f"wandb: {off}")).wandb == "off"


def test_a_gradient_norm_over_ten_is_worth_an_alert() -> None:
    assert load_monitoring().gradient_norm == 10.0


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("wandb: auto", "wandb: ofline", "unknown wandb mode 'ofline'. Did you mean 'offline'?"),
        ("gradient_norm: 10.0", "gradient_nrm: 10.0", "unknown key 'gradient_nrm'. Did you mean 'gradient_norm'?"),
        ("gradient_norm: 10.0", "gradient_norm: much", "gradient_norm can't be 'much'"),
        ("gradient_norm: 10.0", "gradient_norm: 0", "gradient_norm must be above 0, not 0.0"),
        ("data_share: 0.3", "data_share: 30", "data_share must be above 0 and at most 1, not 30.0"),
        ("spike_window: 50", "spike_window: 1", "spike_window must be at least 2 steps, not 1"),
        ("repeat_after: 100", "repeat_after: -1", "repeat_after must not be negative, not -1"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        load_monitoring(changed(tmp_path, old, new))
    assert sentence in str(refused.value)
