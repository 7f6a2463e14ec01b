"""Writes the bundled sample: FORMEX files of invented acts in five languages, parallel in content.

The subject matters, duties and figures are invented, as the year 2099 and the treaty they name show: none of it is law.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from preprocessing.errors import UsageError, did_you_mean
from preprocessing.files import atomic_folder
from preprocessing.progress import progress
from tools.sample.acts import SAMPLE_TEST_ACT, most_acts, plan_acts
from tools.sample.formex import act_files
from tools.sample.grammar import LANGUAGES

__all__ = ["SAMPLE_TEST_ACT", "SampleSummary", "write_sample"]


@dataclass(frozen=True)
class SampleSummary:
    """What was written: ``bytes`` counts all XML, ``documents`` an act in one language."""

    output: str
    acts: int
    languages: tuple[str, ...]
    documents: int
    files: int
    bytes: int
    test_act: str

    def text(self) -> str:
        """Return the summary for people."""
        return (
            f"Wrote {self.documents} documents ({self.acts} invented acts in {', '.join(self.languages)}; "
            f"{self.files} FORMEX files, {self.bytes / 1e6:.1f} MB) to {self.output}; "
            f"the act kept for testing is {self.test_act}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        return asdict(self)


def write_sample(output: Path, acts: int = 24, seed: int = 1, languages: Sequence[str] = LANGUAGES) -> SampleSummary:
    """Write ``acts`` invented acts in ``languages`` to ``output/<language>/L_2099....xml``.

    The same arguments give the same bytes. The first act is always :data:`SAMPLE_TEST_ACT`, the longest, with every
    kind of article; ``acts`` does not change the acts before it.

    Raises:
        UsageError: ``acts`` is out of range, a language is unknown, or ``output`` already holds something.
    """
    if not 1 <= acts <= most_acts():
        raise UsageError(f"the sample can have 1 to {most_acts()} acts, not {acts}")
    for language in languages:
        if language not in LANGUAGES:
            raise UsageError(f"unknown language '{language}'.{did_you_mean(language, LANGUAGES)}")
    refuse_content(output)
    planned = plan_acts(acts, seed)
    files = size = 0
    with atomic_folder(output) as folder:
        for language in languages:
            (folder / language).mkdir()
        for act in progress(planned, what="writing invented acts", unit="act"):
            for language in languages:
                for name, xml in act_files(act, planned, language).items():
                    data = xml.encode("utf-8")
                    (folder / language / name).write_bytes(data)
                    files, size = files + 1, size + len(data)
    return SampleSummary(str(output), acts, tuple(languages), acts * len(languages), files, size, SAMPLE_TEST_ACT)


def refuse_content(output: Path) -> None:
    """Raise UsageError when ``output`` is a file or a folder with content: nothing of anybody's is overwritten."""
    if output.is_dir():
        if any(output.iterdir()):
            raise UsageError(f"{output} already holds other files; name a new or empty folder")
    elif output.exists():
        raise UsageError(f"{output} is a file; name a new or empty folder")
