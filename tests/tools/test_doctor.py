"""The doctor tells what is there, what is missing and what that costs, with and without torch."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from preprocessing.errors import RecipeError
from tools.doctor import Ability, Check, DoctorReport, doctor
from tools.doctor.gpu import gpu_checks, precisions
from tools.doctor.machine import machine_checks
from tools.doctor.packages import Pin, package_checks, read_pins

ROOT = Path(__file__).parents[2]


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in a fresh interpreter at the repository root."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An account that is logged in nowhere; its home folder."""
    for name in ("HF_TOKEN", "HF_HOME", "WANDB_API_KEY", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_where_this_suite_runs_the_data_side_works() -> None:
    report = doctor()
    assert report.abilities[0].works, report.text()
    assert report.exit_status == 0


def test_every_line_that_is_not_ok_says_what_it_costs_and_how_to_mend_it() -> None:
    for check in doctor().checks:
        if check.state == "missing":
            assert check.cost and check.fix, check
        if check.state == "ok":
            assert not check.cost and not check.fix, check


def test_the_report_is_plain_data_and_text_with_every_check_in_both() -> None:
    report = doctor()
    data = json.loads(json.dumps(report.to_dict()))
    assert [check["name"] for check in data["checks"]] == [check.name for check in report.checks]
    for check in report.checks:
        assert f"{check.name}: {check.found}" in report.text()
    assert data["abilities"]["data side"] == {"works": True, "lacks": []}


def test_it_answers_without_importing_nemo_megatron_or_transformers() -> None:
    started = time.monotonic()
    done = run_python(
        "import sys; from tools.doctor import doctor; doctor();"
        "print(sorted({'nemo', 'megatron', 'transformers', 'lightning', 'pandas'} & set(sys.modules)))"
    )
    assert done.stdout.strip() == "[]", done.stderr
    # 1.6 s alone on two cores; the rest is for neighbours
    assert time.monotonic() - started < 15


def test_importing_the_module_imports_no_torch() -> None:
    done = run_python("import sys, tools.doctor; print('torch' in sys.modules)")
    assert done.stdout.strip() == "False", done.stderr


BLOCK_TORCH = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] == 'torch':
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, NoTorch())
from importlib import metadata
found = metadata.version
def version(name):
    if name == 'torch':
        raise metadata.PackageNotFoundError(name)
    return found(name)
metadata.version = version
from tools.doctor import doctor
report = doctor()
print(report.text())
sys.exit(report.exit_status)
"""


def test_without_torch_the_data_side_still_works_and_the_exit_status_is_0() -> None:
    done = run_python(BLOCK_TORCH)
    assert done.returncode == 0, done.stderr
    assert "missing  torch: not installed" in done.stdout
    assert "yes  data side" in done.stdout
    assert "no   CPU rehearsal" in done.stdout
    assert "no   GPU training" in done.stdout


def test_without_site_packages_nothing_works_and_the_exit_status_is_1() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import sys; from tools.doctor import doctor; r = doctor(); print(r.text()); "
         "sys.exit(r.exit_status)"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "lxml" in done.stdout
    assert "no   data side" in done.stdout


@pytest.mark.parametrize(
    ("capability", "expected"),
    [
        ((7, 5), ("fp32",)),
        ((8, 0), ("bf16", "fp32")),
        ((8, 9), ("fp8", "bf16", "fp32")),
        ((9, 0), ("fp8", "bf16", "fp32")),
        ((10, 0), ("nvfp4", "mxfp8", "fp8", "bf16", "fp32")),
        ((10, 3), ("nvfp4", "mxfp8", "fp8", "bf16", "fp32")),
        ((12, 0), ("fp8", "bf16", "fp32")),
    ],
)
def test_a_gpu_trains_in_what_its_tensor_cores_have(capability: tuple[int, int], expected: tuple[str, ...]) -> None:
    assert precisions(*capability, transformer_engine=True) == expected


def test_without_transformer_engine_even_blackwell_trains_in_bf16() -> None:
    assert precisions(10, 0, transformer_engine=False) == ("bf16", "fp32")


def test_a_cpu_trains_in_fp32_and_bf16() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("a GPU is here")
    assert set(gpu_checks().precisions) == {"fp32", "bf16"}


def test_the_apex_of_package_indexes_is_not_taken_for_nvidias(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "apex" / "lib").mkdir(parents=True)
    (tmp_path / "apex" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    from tools.doctor.gpu import _apex

    check = _apex()
    assert (check.state, check.found) == ("missing", "another program of that name")
    assert check.fix == "pip uninstall apex; then ./setup_gpu.sh --with-apex"
    assert "Transformer Engine" not in check.cost  # NeMo looks for Apex's extension alone


def test_transformer_engine_without_its_compiled_extension_counts_as_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "transformer_engine-2.9.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: transformer-engine\nVersion: 2.9.0\n")
    package = tmp_path / "transformer_engine"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('the doctor must not import it')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    from tools.doctor.gpu import _transformer_engine

    bare = _transformer_engine()
    assert (bare.state, bare.found) == ("missing", "2.9.0, without its PyTorch extension")
    (package / "transformer_engine_torch.cpython-311-x86_64-linux-gnu.so").write_text("")
    assert _transformer_engine().state == "ok"


def test_a_package_of_another_version_or_none_is_named_beside_the_pin(tmp_path: Path) -> None:
    (tmp_path / "base.txt").write_text("# note\nlxml==0.0.1\nno-such-package-here[extra]==1.2\n")
    (tmp_path / "cpu.txt").write_text(f'-r base.txt\nonly-elsewhere==1 ; sys_platform == "not-{sys.platform}"\n')
    (tmp_path / "dev.txt").write_text("pytest==0.1\n")
    packages = package_checks(tmp_path)
    by_name = {check.name: check for check in packages.checks}
    assert by_name["data side"].state == "missing"
    assert "no-such-package-here" in by_name["data side"].found
    assert by_name["lxml"].found.endswith("pinned 0.0.1")
    assert packages.absent("base") == ["no-such-package-here"]
    assert packages.absent("cpu") == []


def test_a_build_tag_makes_no_other_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "tagged_build-2.13.0+cpu.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tagged-build\nVersion: 2.13.0+cpu\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not Pin("tagged-build", "2.13.0").differs()
    assert Pin("tagged-build", "2.13.1").differs()


def test_missing_requirements_are_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"base\.txt.*restore it"):
        read_pins(tmp_path / "base.txt")


def test_logins_are_told_by_presence_and_never_printed(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def states() -> dict[str, str]:
        return {check.name: check.state for check in machine_checks(ROOT).checks}

    assert states()["Hugging Face login"] == states()["Weights & Biases login"] == "missing"
    monkeypatch.setenv("HF_TOKEN", "invented-secret-1")
    (nobody / ".netrc").write_text("machine api.wandb.ai\n login user\n password invented-secret-2\n")
    (nobody / ".netrc").chmod(0o600)
    assert states()["Hugging Face login"] == states()["Weights & Biases login"] == "ok"
    report = doctor()
    assert "invented-secret" not in report.text() + json.dumps(report.to_dict())


def test_a_malformed_netrc_is_no_login_and_no_crash(nobody: Path) -> None:
    (nobody / ".netrc").write_text("machine\nmachine\n\x00")
    states = {check.name: check.state for check in machine_checks(ROOT).checks}
    assert states["Weights & Biases login"] == "missing"


def test_real_formex_is_looked_for_beside_the_repository(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    root.mkdir()
    assert machine_checks(root).checks[-1].state == "missing"
    (tmp_path / "shared" / "formex").mkdir(parents=True)
    assert machine_checks(root).checks[-1].state == "ok"


def test_the_exit_status_is_decided_by_the_data_side_alone() -> None:
    python = Check("Python", "ok", "3.11")
    training = Ability("GPU training", "cpt", ("a GPU",))
    assert DoctorReport((python,), (Ability("data side", "parse", ()), training), ()).exit_status == 0
    assert DoctorReport((python,), (Ability("data side", "parse", ("lxml",)), training), ()).exit_status == 1


def test_it_tells_where_runs_can_be_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def executors() -> str:
        return next(check.found for check in machine_checks(ROOT).checks if check.name == "executors")

    monkeypatch.setenv("PATH", str(tmp_path))
    assert "slurm" not in executors() and "docker" not in executors()
    for name in ("ssh", "rsync", "docker"):
        (tmp_path / name).touch(0o755)
    assert "slurm over ssh, docker" in executors()
    (tmp_path / "sbatch").touch(0o755)
    assert "slurm, docker" in executors()
