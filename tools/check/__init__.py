"""Is this corpus whole and sound? Everything that ``preprocess`` promises, looked at again in its output.

python launch.py check data/corpus --tokenizer checkpoints/llama33_70b_hf
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tools.check.blends import check_blends, check_shares, check_tokenizer, read_blends
from tools.check.documents import check_documents, name_of
from tools.check.duplicates import check_duplicates
from tools.check.files import check_files
from tools.check.indices import check_indices, dataset_names
from tools.check.leakage import check_leakage
from tools.check.manifest import corpus_folder
from tools.check.report import Check, CheckReport
from tools.check.samples import check_samples
from tools.check.table import read_facts
from tools.check.tokens import check_ends, check_tokens
from tools.check.work import Crew

__all__ = ["check"]


def check(
    folder: Path, *, tokenizer: Path | None = None, samples: int = 5, show: bool = False, workers: int = 1
) -> CheckReport:
    """Look at a corpus folder, change nothing in it.

    Args:
        folder: what ``preprocess`` wrote.
        tokenizer: the model's tokenizer folder; without it, what needs one is not checked, except where the settings
            note one that is still there.
        samples: documents of each dataset to decode and compare with the table.
        show: keep the decoded samples for the report.
        workers: processes.

    Raises:
        UsageError: no such folder, not a corpus, or not a tokenizer folder.
        WorkerDiedError: a worker process died.
    """
    corpus_folder(folder)
    blend_check, document_check = Check("blends"), Check("documents")
    blends = read_blends(folder, blend_check)
    with Crew(workers) as crew:
        files, manifest = check_files(folder, crew)
        tokenizer_check, model_tokenizer = check_tokenizer(tokenizer, manifest, blends)
        vocabulary = blends.vocabulary
        if vocabulary is None and model_tokenizer is not None:
            vocabulary = (model_tokenizer.vocab_size, model_tokenizer.end_of_text_id)
        names = dataset_names(folder, manifest.outputs if manifest else ())
        indices, indexes = check_indices(folder, names, vocabulary[0] if vocabulary else None)
        tokens, seen = check_tokens(indexes, vocabulary, crew)
        facts = read_facts(folder, document_check, crew)
    ends = check_ends(
        seen,
        lambda name, document: facts.value("markers", name, document) if facts else None,
        lambda name, document: name_of(facts, name, document),
    )
    decoded, found = check_samples(indexes, facts, model_tokenizer, samples)
    return CheckReport(
        folder,
        (
            files,
            check_blends(folder, blends, indexes, blend_check),
            indices,
            tokens,
            ends,
            check_documents(document_check, facts, indexes),
            tokenizer_check,
            decoded,
            check_shares(blends, manifest, _report(folder)),
            check_leakage(facts),
            check_duplicates(facts),
        ),
        tuple(found) if show else (),
    )


def _report(folder: Path) -> dict[str, Any] | None:
    """Return ``report.json``, None where it cannot be read (its checksum says so)."""
    try:
        value = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        return value if isinstance(value["languages"], dict) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
