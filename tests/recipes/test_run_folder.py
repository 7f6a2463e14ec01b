"""A run goes on from its newest whole checkpoint, and keeps all it writes inside its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.recipes.test_checkpoints import write_checkpoint

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")


def resume(checkpoints: Path) -> Any:
    import fiddle as fdl

    from recipes.run_folder import resume

    return fdl.build(resume(checkpoints.parent, Path("imported")))


def test_a_run_goes_on_from_the_checkpoint_before_an_unfinished_one(checkpoints: Path) -> None:
    write_checkpoint(checkpoints / "step=10-last")
    write_checkpoint(checkpoints / "step=20-last", unfinished=True)
    assert resume(checkpoints).get_trainer_ckpt_path() == checkpoints / "step=10-last" / "weights"


def test_nemos_own_resume_would_stop_there(checkpoints: Path) -> None:
    # the reason for ResumeFromNewest
    from nemo.lightning import AutoResume

    write_checkpoint(checkpoints / "step=10")
    write_checkpoint(checkpoints / "step=20-last", unfinished=True)
    theirs = AutoResume(resume_if_exists=True, resume_ignore_no_checkpoint=True, resume_from_directory=str(checkpoints))
    with pytest.raises(ValueError, match="unfinished"):
        theirs.get_trainer_ckpt_path()
    assert resume(checkpoints).get_trainer_ckpt_path() == checkpoints / "step=10" / "weights"


def test_the_highest_step_counts_not_the_latest_file(checkpoints: Path) -> None:
    write_checkpoint(checkpoints / "step=100")
    write_checkpoint(checkpoints / "step=20")
    assert resume(checkpoints).get_trainer_ckpt_path() == checkpoints / "step=100" / "weights"


def test_a_new_run_starts_from_the_imported_weights(tmp_path: Path) -> None:
    fresh = resume(tmp_path / "run" / "checkpoints")
    assert fresh.get_trainer_ckpt_path() is None
    assert fresh.restore_config.path == "imported"


def test_everything_is_written_inside_the_run_folder(tmp_path: Path) -> None:
    from recipes.request import make_request
    from tools.train import compose

    config = compose(make_request("cpt", checkpoint=tmp_path / "none", folder=tmp_path)).log
    assert config.explicit_log_dir == str(tmp_path / "logs")
    assert config.ckpt.dirpath == str(tmp_path / "checkpoints")
    assert config.tensorboard.folder == config.wandb.folder == str(tmp_path)
    assert config.update_logger_directory is False
