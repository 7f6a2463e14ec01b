"""The benchmark of a GPU: its sizes and figures, and that its rehearsal on a CPU goes the whole way."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from preprocessing.errors import UsageError
from recipes.hardware import load_hardware
from tools.bench.gpu_layers import main, precisions_of, request_of
from tools.bench.gpu_plan import TOKENIZER, rehearsal, seventy
from tools.bench.gpu_table import Measured, flop, quantized_share, table

WHOLE = seventy(80, sequence_length=8192)


def test_all_layers_together_are_llama_3_70b() -> None:
    assert WHOLE.vocabulary == pytest.approx(128_256, rel=1e-3)
    assert flop(WHOLE) == pytest.approx(0.449e12, rel=0.002)
    assert flop(WHOLE, causal=False) == pytest.approx(0.481e12, rel=0.002)


@pytest.mark.parametrize("layers", [2, 4, 8])
def test_a_few_layers_have_the_products_of_70b_in_the_same_shares(layers: int) -> None:
    few, whole = seventy(layers), seventy(80)
    assert flop(few) * 80 / layers == pytest.approx(flop(whole), rel=0.005)
    assert quantized_share(few) == pytest.approx(quantized_share(whole), abs=0.003)
    assert seventy(layers, vocabulary=128_256).vocabulary == 128_256


def test_a_precision_is_measured_in_all_layers_without_recomputation_and_with_the_optimizer_of_the_profile(
    tmp_path: Path,
) -> None:
    hardware = load_hardware("1xh200")
    for precision in precisions_of(hardware):
        request = request_of(seventy(4), precision, hardware, tmp_path, tmp_path, tmp_path)
        assert request.format.name == precision
        assert request.format.layers_in_bf16(4) == (0, 0)
        assert (request.layout.recompute, request.layout.optimizer) == ("none", "precision-aware")
        assert (request.stage.sequence_length, request.stage.steps()) == (4096, 20)


def test_only_what_a_chip_computes_is_measured() -> None:
    hopper = precisions_of(load_hardware("1xh200"))
    assert hopper == ["bf16", "fp8-delayed", "fp8-current", "fp8-blockwise"]
    assert precisions_of(load_hardware("1xb200")) == ["bf16", "fp8-delayed", "fp8-current", "mxfp8", "nvfp4"]
    assert precisions_of(load_hardware("1xcpu")) == ["bf16", "fp32"]
    with pytest.raises(UsageError, match="H200 can't train in mxfp8"):
        request_of(seventy(4), "mxfp8", load_hardware("1xh200"), Path(), Path(), Path())


def test_the_table_names_speed_share_of_the_peak_distance_of_the_loss_and_failures() -> None:
    plan = dataclasses.replace(seventy(4), steps=4)
    tokens = plan.global_batch * plan.sequence_length
    second = tokens * flop(plan) / 989e12  # of a step at the BF16 peak
    found = [
        # the first steps do not count
        Measured("bf16", [9.0, 8.0, 7.0, 6.0], [99.0, 50.0, second, second], peak_gb=50.04, planned_gb=49.0),
        Measured("fp8-current", [9.0, 8.0, 7.7, 6.0], [99.0, 50.0, second, second], peak_gb=60.0),
        Measured("fp8-blockwise", failure="no kernel | of this\nshape"),
    ]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table(plan, found, "h200")[2:6]]
    assert rows[0][:3] == ["bf16", "9.0000 -> 6.0000", ""]
    assert rows[0][4].startswith("989 (")
    assert rows[0][5:] == ["100.0%", "135%", "50.0", "49.0"]
    assert rows[1][2] == "10.00%"
    assert rows[1][5] == "50.0%"
    assert rows[2][:2] == ["fp8-blockwise", "FAILED: no kernel / of this shape"]
    assert rows[3][3:6] == ["1664", "731", "37%"]


def test_runs_of_another_plan_are_other_runs() -> None:
    assert seventy(4).key == seventy(4).key != seventy(4, steps=5).key


def test_more_than_one_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="this measures one GPU, and cpu has 2"):
        main(["--hardware", "cpu", "--folder", str(tmp_path)])


@pytest.mark.slow
def test_the_rehearsal_trains_and_a_precision_that_fails_stops_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--hardware", "1xcpu", "--folder", str(tmp_path / "bench"), "--output", str(tmp_path / "table.md")]
    assert main([*arguments, "--precision", "bf16", "fp8-current", "fp32"]) == 1
    rows = (tmp_path / "table.md").read_text().splitlines()[2:5]
    assert [row.split("|")[1].strip() for row in rows] == ["bf16", "fp8-current", "fp32"]
    assert "FAILED: CPU can't train in fp8-current" in rows[1]
    for row in (rows[0], rows[2]):
        first, last = map(float, row.split("|")[2].split("->"))
        assert last < first
    assert rehearsal(2).vocabulary == TOKENIZER
    assert not list((tmp_path / "bench").glob("runs/*/checkpoints/*"))
    capsys.readouterr()
    # done already: told again, not trained again
    assert main([*arguments, "--precision", "bf16", "fp32"]) == 0
    assert capsys.readouterr().out.splitlines()[2] == rows[0]
