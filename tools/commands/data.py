"""What makes and reads FORMEX, and what makes instruction data of a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from preprocessing.errors import UsageError
from tools.commands.options import ALL_LANGUAGES, WORKERS, Corpus, Inputs, Json, Languages, Seed, Workers, print_result


def sample(
    output: Annotated[Path, typer.Option(help="Gets formex/ and model/.")],
    formex: Annotated[Path | None, typer.Option(help="Train the tokenizer on these files, write no sample.")] = None,
    acts: Annotated[int, typer.Option(help="Invented acts, each in five languages.")] = 24,
    seed: Seed = 1,
    as_json: Json = False,
) -> None:
    """Write invented FORMEX law and a tiny random Llama with its own tokenizer."""
    from tools.sample.build import sample as build

    print_result(build(output, formex=formex, acts=acts, seed=seed), as_json)


def fetch(
    celex: Annotated[
        list[str] | None, typer.Argument(help="CELEX numbers; with --import archives.", show_default=False)
    ] = None,
    output: Annotated[Path, typer.Option(help="Gets the zips; `parse` and `preprocess` read it.")] = Path(
        "data/formex"
    ),
    celex_file: Annotated[Path | None, typer.Option(help="CELEX numbers, one a line.")] = None,
    types: Annotated[
        str | None, typer.Option("--type", help="regulation, directive, decision, judgment, consolidated, ...")
    ] = None,
    years: Annotated[str | None, typer.Option(help="Of the documents: 2016 or 2015-2020.")] = None,
    in_force: Annotated[bool, typer.Option("--in-force", help="Only acts in force.")] = False,
    oj: Annotated[str | None, typer.Option(help="Years of the Official Journal, L series: 2022 or 2020-2022.")] = None,
    import_: Annotated[
        list[Path] | None, typer.Option("--import", help="Archives of the data dump: check, put in place.")
    ] = None,
    languages: Languages = ALL_LANGUAGES,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how much it would be.")] = False,
    retry_missing: Annotated[bool, typer.Option("--retry-missing", help="Ask again for what did not exist.")] = False,
    rate: Annotated[float, typer.Option(help="Requests a second, all connections together.", min=0.01)] = 5.0,
    connections: Annotated[int, typer.Option(help="At the same time.", min=1, max=32)] = 4,
    attempts: Annotated[int, typer.Option(help="For each document, with longer and longer waits.", min=1)] = 5,
    timeout: Annotated[float, typer.Option(help="Seconds without a byte.", min=0.1)] = 90.0,
    max_size: Annotated[int, typer.Option(help="MiB of one document.", min=1)] = 512,
    user_agent: Annotated[str | None, typer.Option(help="How to introduce oneself; add an address.")] = None,
    base_url: Annotated[str | None, typer.Option(help="A mirror of the Cellar.", show_default="the Cellar")] = None,
    sparql_url: Annotated[str | None, typer.Option(help="A mirror of its queries.", show_default="the Cellar")] = None,
    as_json: Json = False,
) -> None:
    """Download FORMEX from the Publications Office: by CELEX number, type and years, or year of the Official Journal.

    What became of each document is in OUTPUT/fetch.jsonl.

    A run that was stopped goes on when the same command is given again: what is there is not fetched again.

    Some 100 documents a minute: for the whole of EU law take the data dump and --import its archives.

    Two acts: python launch.py fetch 32016R0679 32024R1689

    A selection: python launch.py fetch --type regulation,directive --years 2015-2020 --in-force --dry-run

    The Official Journal: python launch.py fetch --oj 2022 --languages en,fr

    The data dump: python launch.py fetch --import LEG_EN_FMX_20240101_01_00.zip LEG_MTD_20240101_01_00.zip
    """
    from preprocessing.languages import parse_languages
    from tools.fetch.import_dump import import_dump
    from tools.fetch.run import fetch as run
    from tools.fetch.run import make_request

    if import_:
        if celex_file or types or years or oj or in_force:
            raise UsageError("--import takes whole archives; select from them later, or fetch without --import")
        print_result(import_dump([*import_, *map(Path, celex or ())], output, dry_run), as_json)
        return
    request = make_request(
        celex or (),
        celex_file,
        types,
        years,
        in_force,
        oj,
        languages=parse_languages(languages),
        retry_missing=retry_missing,
        max_mebibytes=max_size,
        base_url=base_url,
        sparql_url=sparql_url,
        rate=rate,
        connections=connections,
        attempts=attempts,
        silence=timeout,
        user_agent=user_agent,
    )
    print_result(run(output, request, dry_run), as_json)


def parse(
    paths: Inputs,
    output: Annotated[Path, typer.Option(help="OUT.jsonl or OUT.parquet; what was rejected: OUT.rejected.jsonl.")],
    workers: Workers = WORKERS,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Start afresh, do not go on with a stopped run.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read FORMEX into legal documents: text, articles, recitals, CELEX, dates, references.

    PATHS are files, folders, zips, or zips in zips: the data dump (with its LEG_MTD archive, given or beside it),
    year archives of the Official Journal, direct downloads. Nothing is unpacked to disk.

    One line (or row) is one act with its annexes. What cannot be read is listed with its reason, and the run goes on.

    A run that was stopped goes on when the same command is given again. The output is the same for any --workers.

    Example: python launch.py parse LEG_EN_FMX_20240101_01_00.zip --output en.jsonl
    """
    from preprocessing.formex.parse import parse_to_file
    from preprocessing.progress import ParseProgress

    with ParseProgress() as watcher:
        summary = parse_to_file(paths, output, workers, overwrite=overwrite, watcher=watcher)
    print_result(summary, as_json)


def sft_data(
    corpus: Corpus,
    output: Annotated[Path, typer.Option(help="Gets train/, validation/ and test/.")],
    pairs: Annotated[int, typer.Option(help="At most so many pairs.")] = 150_000,
    languages: Languages = ALL_LANGUAGES,
    exclude: Annotated[Path | None, typer.Option(help="Test set whose passages stay out.")] = None,
    held_out: Annotated[float, typer.Option(help="Share of acts for validation, and again for test.")] = 0.01,
    shards: Annotated[int, typer.Option(help="Files of the training split.")] = 8,
    workers: Workers = WORKERS,
    seed: Seed = 1234,
    as_json: Json = False,
) -> None:
    """Build cited question-answer chats from the structure of the corpus' acts."""
    from preprocessing.instruct.build import build_sft
    from preprocessing.languages import parse_languages

    summary = build_sft(
        corpus,
        output,
        pairs=pairs,
        languages=parse_languages(languages),
        seed=seed,
        shards=shards,
        exclude=exclude,
        held_out=held_out,
        workers=workers,
    )
    print_result(summary, as_json)


def test_set(
    corpus: Corpus,
    output: Annotated[Path, typer.Option(help="JSON Lines file.")],
    celex: Annotated[str, typer.Option(help="The act asked about: the GDPR.")] = "32016R0679",
    per_language: Annotated[int, typer.Option(help="Questions a language.")] = 20,
    languages: Languages = ALL_LANGUAGES,
    seed: Seed = 1234,
    as_json: Json = False,
) -> None:
    """Write test questions on one act, with answers and citations from its own structure."""
    from preprocessing.instruct.test_set import build_test_set
    from preprocessing.languages import parse_languages

    summary = build_test_set(
        corpus, output, celex=celex, per_language=per_language, languages=parse_languages(languages), seed=seed
    )
    print_result(summary, as_json)
