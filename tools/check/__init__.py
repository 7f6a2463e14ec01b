"""Is this corpus whole and sound? Everything that ``preprocess`` promises, looked at again in its output.

python launch.py check data/corpus --tokenizer checkpoints/llama33_70b_hf
"""

from __future__ import annotations

from pathlib import Path

from tools.check.best import check_best
from tools.check.blends import check_blends, check_shares, check_tokenizer, read_blends
from tools.check.documents import check_documents, name_of
from tools.check.duplicates import check_duplicates
from tools.check.files import check_files
from tools.check.indices import check_indices, dataset_names, is_subset
from tools.check.leakage import check_leakage
from tools.check.manifest import corpus_folder
from tools.check.near import near_twins
from tools.check.records import check_registry, check_report
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
        unreadable = [f"cpt/{name}" for name in names if name not in indexes and not is_subset(name)]
        tokens, seen = check_tokens(indexes, vocabulary, crew)
        facts = read_facts(folder, document_check, crew)
    ends = check_ends(
        seen,
        lambda name, document: facts.value("markers", name, document) if facts else None,
        lambda name, document: name_of(facts, name, document),
    )
    decoded, found = check_samples(indexes, facts, model_tokenizer, samples)
    report, languages = check_report(folder, indexes, unreadable)
    twins = near_twins(facts, manifest)
    if unreadable:
        for item in (tokens, ends, decoded):
            item.skip(f"{', '.join(unreadable)}: no index tells where its documents are")
    checks = (
        files,
        check_blends(folder, blends, indexes, blend_check),
        indices,
        tokens,
        ends,
        check_documents(document_check, facts, indexes),
        tokenizer_check,
        decoded,
        check_shares(blends, manifest, languages),
        check_best(indexes, facts, manifest),
        check_leakage(facts, twins),
        check_duplicates(facts, twins),
        check_registry(folder, facts),
        report,
    )
    return CheckReport(folder, tuple(item for item in checks if item is not None), tuple(found) if show else ())
