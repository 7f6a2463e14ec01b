"""Wrong input at the front door: one sentence that names the thing and the fix, and nothing half-made left behind."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Finished, launch, run


def refused(done: Finished, status: int, *words: str) -> None:
    """One ``error:`` line with these words, this exit status, and no traceback."""
    assert done.status == status, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr[-3000:]
    for word in words:
        assert word in errors[0], errors[0]


def nothing_left(output: Path) -> bool:
    """Whether neither ``output`` nor a half-made version of it is there."""
    return not output.exists() and not list(output.parent.glob("*.partial"))


def test_a_missing_input_is_named(tmp_path: Path) -> None:
    done = launch("parse", tmp_path / "nowhere", "--output", tmp_path / "out.jsonl")
    refused(done, 2, "no such file or folder", "nowhere")
    assert nothing_left(tmp_path / "out.jsonl")


def test_an_empty_folder_gives_nothing_usable(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = launch("parse", tmp_path / "empty", "--output", tmp_path / "out.jsonl")
    refused(done, 1, "empty")
    assert nothing_left(tmp_path / "out.jsonl")


def test_malformed_files_are_rejected_by_name_while_the_others_go_on(made: Path, tmp_path: Path) -> None:
    source = tmp_path / "formex"
    shutil.copytree(made / "sample" / "formex" / "en", source)
    (source / "broken.xml").write_text("<ACT><TITLE>", encoding="utf-8")
    (source / "page.xml").write_text("<html><body>503</body></html>", encoding="utf-8")
    done = launch("parse", source, "--output", tmp_path / "out.jsonl")
    assert done.status == 0, done.stderr
    rejected = [json.loads(line) for line in (tmp_path / "out.rejected.jsonl").read_text().splitlines()]
    assert {Path(item["source"]).name for item in rejected} == {"broken.xml", "page.xml"}
    assert all(item["reason"] for item in rejected)
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 24


def test_an_unknown_language_suggests_the_nearest(made: Path, tmp_path: Path) -> None:
    done = launch(
        *("preprocess", "--input", made / "sample" / "formex", "--output", tmp_path / "corpus"),
        *("--tokenizer", made / "sample" / "model", "--languages", "en,enn"),
    )
    refused(done, 2, "unknown language 'enn'", "Did you mean 'en'?")
    assert nothing_left(tmp_path / "corpus")


def test_a_folder_without_a_tokenizer_is_named(made: Path, tmp_path: Path) -> None:
    (tmp_path / "no-tokenizer").mkdir()
    done = launch(
        *("preprocess", "--input", made / "sample" / "formex", "--output", tmp_path / "corpus"),
        *("--tokenizer", tmp_path / "no-tokenizer"),
    )
    refused(done, 2, "no-tokenizer", "tokenizer.json")
    assert nothing_left(tmp_path / "corpus")


def test_several_inputs_may_stand_behind_one_option(made: Path, tmp_path: Path) -> None:
    formex = made / "sample" / "formex"
    done = launch(
        *("preprocess", "--input", formex / "en", formex / "fr", "--output", tmp_path / "corpus"),
        *("--tokenizer", made / "sample" / "model", "--json"),
    )
    assert done.status == 0, done.stderr
    assert {path.name for path in (tmp_path / "corpus" / "cpt").iterdir()} == {
        "en",
        "fr",
        "blend.yaml",
        "blend_fast.yaml",
    }


@pytest.mark.parametrize("missing", ["folder", "config.json", "model.safetensors", "tokenizer.json"])
def test_a_checkpoint_that_is_none_is_not_imported(made: Path, tmp_path: Path, missing: str) -> None:
    source = tmp_path / "model"
    if missing != "folder":
        shutil.copytree(made / "sample" / "model", source)
        (source / missing).unlink()
    done = launch("import", source, "--output", tmp_path / "base")
    refused(done, 2, "model", {"folder": "no checkpoint folder", "model.safetensors": "weights"}.get(missing, missing))
    assert nothing_left(tmp_path / "base")


def test_a_folder_that_holds_no_nemo_checkpoint_is_neither_trained_nor_exported(made: Path, tmp_path: Path) -> None:
    refused(launch("export", made / "sample", "--output", tmp_path / "hf"), 2, "sample", "not a NeMo checkpoint")
    done = launch(
        *("cpt", "--model", "tiny", "--checkpoint", made / "sample"),
        *("--data", made / "corpus" / "cpt" / "blend.yaml", "--output", tmp_path / "run"),
    )
    refused(done, 2, "sample", "not a NeMo checkpoint")
    assert nothing_left(tmp_path / "run")


def test_an_existing_output_is_not_overwritten(made: Path) -> None:
    refused(launch("import", made / "sample" / "model", "--output", made / "base"), 2, "exists already", "--overwrite")


def test_an_unknown_setting_suggests_the_nearest(made: Path, tmp_path: Path) -> None:
    config = tmp_path / "cpt.yaml"
    config.write_text(Path("nemo_configs/cpt.yaml").read_text().replace("learning_rate: 2", "lerning_rate: 2"))
    common = (
        "--checkpoint",
        made / "base",
        "--data",
        made / "corpus" / "cpt" / "blend.yaml",
        "--output",
        tmp_path / "run",
    )
    done = launch("cpt", "--model", "tiny", "--config", config, *common)
    refused(done, 2, "unknown key 'lerning_rate'", "Did you mean 'learning_rate'?")
    refused(launch("cpt", "--hardware", "4xb20", *common), 2, "unknown hardware '4xb20'", "Did you mean '4xb200'?")
    done = launch("cpt", "--model", "tiny", *common, "trainer.max_stepz=3")
    refused(done, 2, "trainer has no 'max_stepz'", "Did you mean 'max_steps'?")
    assert nothing_left(tmp_path / "run")


def test_a_gpu_profile_is_refused_where_the_gpus_are_not(made: Path, tmp_path: Path) -> None:
    import torch

    if torch.cuda.device_count() >= 4:
        pytest.skip("four GPUs are there")
    done = launch(
        "cpt", "--checkpoint", made / "base", "--data", made / "corpus/cpt/blend.yaml", "--output", tmp_path / "run"
    )
    refused(done, 2, "needs 4 GPUs", "--model tiny")


def test_the_70b_recipe_can_be_looked_at_without_gpus_or_checkpoint() -> None:
    done = launch("cpt", "--dry-run", "trainer.max_steps=100")
    assert done.status == 0, done.stderr
    for words in ("Llama31Config70B", "max_steps=100", "fp4_recipe='nvfp4'", "use_precision_aware_optimizer=True"):
        assert words in done.stdout, words


def test_a_full_disk_ends_in_one_sentence(made: Path, tmp_path: Path) -> None:
    # no file of this process may grow over 20 kB: the same error path as a full disk, on any machine
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); import launch;"
        f"sys.argv = ['launch.py', 'parse', {str(made / 'sample' / 'formex' / 'en')!r}, '--output',"
        f" {str(tmp_path / 'out.jsonl')!r}]; sys.exit(launch.main())"
    )
    refused(run(sys.executable, "-c", code), 1, "out.jsonl")
    assert nothing_left(tmp_path / "out.jsonl")


def test_help_answers_at_once() -> None:
    fastest = min(launch("--help").seconds for _ in range(3))
    # half a second is promised; a loaded machine gets twice that
    assert fastest < 1.0
    assert launch("no-such-command").status == 2
