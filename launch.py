#!/usr/bin/env python3
"""The one front door: every step from FORMEX files to a compared, tuned model.

    python launch.py --help
    python launch.py quickstart
    python launch.py cpt --hardware 4xb200 trainer.max_steps=100

Nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from preprocessing.errors import RecipeError, UsageError

app = typer.Typer(
    name="launch.py",
    help="EUR-Lex FORMEX to Llama 3.3 70B that cites true: prepare data, train with NVIDIA NeMo, compare.",
    epilog="Start here: python launch.py quickstart (the whole job, small, on this machine's CPU).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

DATA, MODEL, RUN, LOOK = "Data", "Model", "Training", "Look around"
WORKERS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

Inputs = Annotated[list[Path], typer.Argument(help="FORMEX files, folders or zips.", show_default=False)]
Languages = Annotated[str, typer.Option(help="Comma-separated: en, fr, de, es, pt.")]
Workers = Annotated[int, typer.Option(help="Processes.", show_default="all cores")]
Seed = Annotated[int, typer.Option(help="Same seed, same bytes.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for programs.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an output that is there.")]
Corpus = Annotated[Path, typer.Option(help="Output folder of `preprocess`.")]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...", help="NeMo's dotted overrides: trainer.max_steps=100 optim.config.lr=1e-5"
    ),
]
HardwareName = Annotated[str, typer.Option("--hardware", help="Profile of nemo_configs/hardware: 4xb200, cpu.")]
Config = Annotated[Path | None, typer.Option(help="Stage settings.", show_default="nemo_configs/<stage>.yaml")]
Precision = Annotated[str | None, typer.Option(help="nvfp4, mxfp8, bf16, fp32.", show_default="the hardware profile's")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the resolved recipe and stop.")]
Start = Annotated[Path, typer.Option("--model", help="NeMo checkpoint, or a run's folder (its newest one is taken).")]

ALL_LANGUAGES = "en,fr,de,es,pt"
INTERRUPTED = 130  # 128 + SIGINT, as shells count


@app.command(rich_help_panel=LOOK)
def doctor(as_json: Json = False) -> None:
    """Say what this machine has, what that switches on, and how to get the rest."""
    from tools.doctor import doctor as examine

    report = examine()
    _print(report, as_json)
    raise typer.Exit(report.exit_status)


@app.command(rich_help_panel=LOOK)
def quickstart(
    output: Annotated[
        Path | None, typer.Option(help="Everything it makes.", show_default="runs/quickstart, with --formex -NAME")
    ] = None,
    formex: Annotated[Path | None, typer.Option(help="Real FORMEX instead of the invented sample.")] = None,
    celex: Annotated[
        str | None, typer.Option(help="The act that the test set asks about.", show_default="chosen")
    ] = None,
    as_json: Json = False,
) -> None:
    """Do the whole job, small, on this machine's CPU, through the real libraries (under 6 minutes on 2 cores)."""
    from tools.quickstart import quickstart as run

    # a folder for each input, so that one does not get in the way of the other
    output = output or Path("runs") / ("quickstart" if formex is None else f"quickstart-{formex.resolve().stem}")
    _print(run(output, formex=formex, celex=celex), as_json)


@app.command(rich_help_panel=DATA)
def sample(
    output: Annotated[Path, typer.Option(help="Gets formex/ and model/.")],
    formex: Annotated[Path | None, typer.Option(help="Train the tokenizer on these files, write no sample.")] = None,
    acts: Annotated[int, typer.Option(help="Invented acts, each in five languages.")] = 24,
    seed: Seed = 1,
    as_json: Json = False,
) -> None:
    """Write invented FORMEX law and a tiny random Llama with its own tokenizer."""
    from tools.sample.build import sample as build

    _print(build(output, formex=formex, acts=acts, seed=seed), as_json)


@app.command(rich_help_panel=DATA)
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
        _print(import_dump([*import_, *map(Path, celex or ())], output, dry_run), as_json)
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
    _print(run(output, request, dry_run), as_json)


@app.command(rich_help_panel=DATA)
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
    _print(summary, as_json)


@app.command(rich_help_panel=DATA)
def preprocess(
    input: Annotated[list[Path], typer.Option(metavar="PATH...", help="FORMEX files, folders or zips.")],
    output: Annotated[Path, typer.Option(help="The corpus folder.")],
    tokenizer: Annotated[Path, typer.Option(help="Folder with tokenizer.json (the model's).")],
    more: Annotated[list[Path] | None, typer.Argument(hidden=True)] = None,  # the paths behind the first of --input
    languages: Languages = ALL_LANGUAGES,
    shares: Annotated[
        str, typer.Option(help="Languages in the mix: en=35,fr=25,...", show_default="35, 25, 20, 12, 8")
    ] = "",
    replay: Annotated[str, typer.Option(help="General text in the mix: PREFIX=SHARE of tokens, as old.en=0.05.")] = "",
    best_share: Annotated[float, typer.Option(help="Part of the tokens that cpt_fast reads, the best ones.")] = 0.4,
    versions: Annotated[str, typer.Option(help="Consolidated versions of an act: newest, all.")] = "newest",
    corrigenda: Annotated[bool, typer.Option("--corrigenda/--no-corrigenda", help="Take corrigenda too.")] = True,
    annexes: Annotated[
        bool, typer.Option("--annexes/--no-annexes", help="Take documents that are nothing but annexes or tables.")
    ] = True,
    near_duplicates: Annotated[float, typer.Option(help="Similar texts are one from here on; 0: never.")] = 0.8,
    min_characters: Annotated[int, typer.Option(help="Shorter documents are left out.")] = 200,
    max_warnings: Annotated[
        int | None, typer.Option(help="Documents with more warnings are left out.", show_default="any number")
    ] = None,
    validation_share: Annotated[float, typer.Option(help="Share of acts held out.")] = 0.01,
    seq_length: Annotated[int, typer.Option(help="Training sequence length, for the report.")] = 4096,
    shards: Annotated[
        int | None, typer.Option(help="Parts to work on in parallel.", show_default="8 to 64 MB of XML each")
    ] = None,
    workers: Workers = WORKERS,
    engine: Annotated[str, typer.Option(help="Where the work is done: local, ray, slurm.")] = "local",
    engine_address: Annotated[
        str | None, typer.Option(help="Ray cluster: HOST:6379.", show_default="$RAY_ADDRESS, or the one here")
    ] = None,
    executor: Annotated[
        Path | None, typer.Option(help="Slurm settings.", show_default="nemo_configs/executors/slurm.yaml")
    ] = None,
    only: Annotated[str | None, typer.Option(help="One stage of a run in parts: read, plan, write.")] = None,
    part: Annotated[str, typer.Option(help="K/N: part K, from 0, of N parts of that stage.")] = "0/1",
    seed: Seed = 1234,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and stop.")] = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Make the training corpus: documents, Megatron .bin/.idx per language, blend files, registry, report.

    Read, select, deduplicate, score, split by act, tokenize, join. A run that was stopped goes on when the same command
    is given again; with other settings (and --overwrite) only what they touch is done anew. What is finished so far
    lies in OUTPUT/work, which may be removed once the corpus is made.

    Example: python launch.py preprocess --input dump/ --output corpus --tokenizer Llama-3.3-70B-Instruct

    On a Ray cluster that is running: ... --engine ray

    As Slurm job arrays: ... --engine slurm (with --dry-run: print the scripts)
    """
    from preprocessing.corpus.parts import do_part, parse_part
    from preprocessing.corpus.pipeline import dry_run as look
    from preprocessing.corpus.pipeline import preprocess as run
    from preprocessing.corpus.settings import Settings, parse_replay, parse_shares
    from preprocessing.languages import parse_languages

    settings = Settings(
        languages=parse_languages(languages),
        shares=parse_shares(shares),
        replay=parse_replay(replay),
        best_share=best_share,
        versions=versions,
        corrigenda=corrigenda,
        annexes=annexes,
        near_duplicates=near_duplicates,
        min_characters=min_characters,
        max_warnings=max_warnings,
        validation_share=validation_share,
        seq_length=seq_length,
        shards=shards,
        seed=seed,
    )
    inputs = [*input, *(more or ())]
    if engine not in ("local", "ray", "slurm"):
        raise UsageError(f"--engine must be local, ray or slurm, not {engine}")
    if only and engine != "local":
        raise UsageError(f"--only does a part of the work here; it does not go with --engine {engine}")
    if part != "0/1" and not only:
        raise UsageError("--part is a part of one stage: it needs --only")
    if engine == "slurm":
        from tools.corpus_on_slurm import load_slurm_settings, options_of, submit

        options = options_of(inputs, output, tokenizer, settings, overwrite)
        _print(submit(options, load_slurm_settings(executor), dry_run=dry_run), as_json)
    elif dry_run:
        _print(look(inputs, output, tokenizer, settings), as_json)
    elif only:
        done = do_part(
            inputs, output, tokenizer, settings, only, parse_part(part), workers=workers, overwrite=overwrite
        )
        _print(done, as_json)
    elif engine == "ray":
        from preprocessing.corpus.ray_engine import RayEngine

        cluster = RayEngine((*inputs, output, tokenizer), engine_address)
        _print(run(inputs, output, tokenizer, settings, engine=cluster, overwrite=overwrite), as_json)
    else:
        _print(run(inputs, output, tokenizer, settings, workers=workers, overwrite=overwrite), as_json)


@app.command(rich_help_panel=DATA)
def check(
    corpus: Annotated[Path, typer.Argument(metavar="DIR", help="Output folder of `preprocess`.", show_default=False)],
    tokenizer: Annotated[
        Path | None, typer.Option(help="Folder with the model's tokenizer.json.", show_default="the settings' own")
    ] = None,
    samples: Annotated[int, typer.Option(min=0, help="Documents to decode of each language and split.")] = 5,
    show: Annotated[bool, typer.Option("--show", help="Print how the decoded documents begin.")] = False,
    workers: Workers = WORKERS,
    as_json: Json = False,
) -> None:
    """Look whether a corpus is whole and sound, before a training run is paid for.

    Every file against the manifest; every index, token and end-of-text; the table against the datasets; blend and
    shares; acts and texts on both sides of the split; duplicates. Nothing is changed.

    What could not be looked at is listed as not checked, never as passed. Exit status 1: something is broken.

    Example: python launch.py check data/corpus --tokenizer checkpoints/llama33_70b_hf --show
    """
    from tools.check import check as run

    report = run(corpus, tokenizer=tokenizer, samples=samples, show=show, workers=workers)
    _print(report, as_json)
    raise typer.Exit(report.exit_status)


@app.command(rich_help_panel=DATA)
def transfer(
    corpus: Annotated[Path, typer.Argument(metavar="DIR", help="Output folder of `preprocess`.", show_default=False)],
    destination: Annotated[
        str, typer.Argument(metavar="HOST:DIR", help="[USER@]HOST:DIR, or a folder here.", show_default=False)
    ],
    rsh: Annotated[str | None, typer.Option(help='Remote shell: "ssh -p 2222".', show_default="ssh")] = None,
    ssh_option: Annotated[
        list[str] | None, typer.Option(help="As ssh -o: IdentityFile=~/.ssh/cluster. Repeat it.")
    ] = None,
    rsync_option: Annotated[
        list[str] | None, typer.Option(help="For rsync: --rsync-option=--bwlimit=20m. Repeat it.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, send nothing.")] = False,
    workers: Workers = WORKERS,
    as_json: Json = False,
) -> None:
    """Copy a corpus to another machine by rsync over ssh, and verify it there.

    Stopped? The same command goes on where it was. When everything is over, the destination makes its own xxh3 sums,
    which are compared with the manifest; that comes last, so that half a corpus never looks whole.

    Exit status 1: something differs there, and is named.

    Example: python launch.py transfer data/corpus me@cluster:/scratch/eurlex/corpus
    """
    from tools.transfer import transfer as run

    summary = run(
        corpus,
        destination,
        rsh=rsh,
        ssh_options=ssh_option or (),
        rsync_options=rsync_option or (),
        dry_run=dry_run,
        workers=workers,
    )
    _print(summary, as_json)
    raise typer.Exit(summary.exit_status)


@app.command(rich_help_panel=LOOK)
def cite(
    words: Annotated[list[str], typer.Argument(metavar="CITATION", help="What to look up.", show_default=False)],
    corpus: Annotated[Path, typer.Option(help="Output folder of `preprocess`.")] = Path("data/corpus"),
    language: Annotated[str | None, typer.Option(help="en, fr, de, es, pt.", show_default="that of the words")] = None,
    as_json: Json = False,
) -> None:
    """Look a citation up in the corpus: does it exist, and what does it say?

    CITATION is as lawyers write it in any of the five languages: articles, lists and ranges of them, acts by number, by
    CELEX or by short name. Exit status: 0 found, 1 not (a sentence says what is missing).

    Examples:

    python launch.py cite "Article 17 GDPR"

    python launch.py cite "artigo 17.º do RGPD" --corpus data/corpus

    python launch.py cite "Articles 15 to 18, Regulation (CELEX: 32016R0679)" --language de

    python launch.py cite 32016R0679 --json
    """
    from tools.cite import cite as look_up

    report = look_up(" ".join(words), corpus, language)
    _print(report, as_json)
    raise typer.Exit(report.exit_status)


@app.command("sft-data", rich_help_panel=DATA)
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
    _print(summary, as_json)


@app.command("test-set", rich_help_panel=DATA)
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
    _print(summary, as_json)


@app.command("import", rich_help_panel=MODEL)
def import_(
    source: Annotated[Path, typer.Argument(help="Hugging Face Llama checkpoint folder.", show_default=False)],
    output: Annotated[Path, typer.Option(help="The NeMo checkpoint.")],
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Bring a Hugging Face Llama checkpoint into NeMo, every tensor accounted for."""
    from tools.checkpoint import import_checkpoint

    _print(import_checkpoint(source, output, overwrite), as_json)


@app.command(rich_help_panel=MODEL)
def export(
    source: Annotated[Path, typer.Argument(help="NeMo checkpoint or run folder.", show_default=False)],
    output: Annotated[Path, typer.Option(help="The Hugging Face checkpoint.")],
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Bring a trained NeMo checkpoint back to Hugging Face."""
    from tools.checkpoint import export_checkpoint

    _print(export_checkpoint(source, output, overwrite), as_json)


@app.command(rich_help_panel=MODEL)
def compare(
    base: Annotated[Path, typer.Option(help="Hugging Face checkpoint before training.")],
    tuned: Annotated[Path, typer.Option(help="Hugging Face checkpoint after training.")],
    test_set: Annotated[Path, typer.Option(help="Questions of `test-set`.")],
    output: Annotated[Path, typer.Option(help="Gets the results, reports and predictions.")],
    registry: Annotated[Path | None, typer.Option(help="registry.parquet of the corpus: tells what exists.")] = None,
    limit: Annotated[int | None, typer.Option(help="Only so many questions.", show_default="all")] = None,
    batch_size: Annotated[int, typer.Option(help="Questions answered at once.")] = 8,
    max_new_tokens: Annotated[int, typer.Option(help="Longest answer.")] = 256,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
    as_json: Json = False,
) -> None:
    """Answer the test set with both checkpoints and compare: citations, articles, ROUGE-L, exact match."""
    from tools.evaluation.compare import compare as run

    summary = run(
        base,
        tuned,
        test_set,
        output,
        registry=registry,
        limit=limit,
        batch_size=batch_size,
        max_new_tokens=max_new_tokens,
        device=device,
    )
    _print(summary, as_json)


@app.command(rich_help_panel=RUN)
def cpt(
    overrides: Overrides = None,
    model: Start = Path("checkpoints/llama33_70b"),
    data: Annotated[Path, typer.Option(help="The corpus' blend file.")] = Path("data/corpus/cpt/blend.yaml"),
    output: Annotated[Path, typer.Option(help="The run's folder; the same command goes on in it.")] = Path("runs/cpt"),
    hardware: HardwareName = "4xb200",
    config: Config = None,
    precision: Precision = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Continue the pre-training of a model on the corpus.

    Rehearse on a CPU: python launch.py cpt --hardware cpu --config nemo_configs/quickstart.yaml
    --model runs/quickstart/base --data runs/quickstart/corpus/cpt/blend.yaml --output runs/try
    """
    _train("cpt", overrides, model, data, output, hardware, config, precision, dry_run, as_json)


@app.command(rich_help_panel=RUN)
def sft(
    overrides: Overrides = None,
    model: Start = Path("runs/cpt"),
    data: Annotated[Path, typer.Option(help="Output folder of `sft-data`.")] = Path("data/sft"),
    output: Annotated[Path, typer.Option(help="The run's folder; the same command goes on in it.")] = Path("runs/sft"),
    hardware: HardwareName = "4xb200",
    config: Config = None,
    precision: Precision = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Tune a model on cited answers; the loss falls on the answers only."""
    _train("sft", overrides, model, data, output, hardware, config, precision, dry_run, as_json)


def _train(
    stage: str,
    overrides: list[str] | None,
    model: Path,
    data: Path,
    output: Path,
    hardware: str,
    config: Path | None,
    precision: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    from tools.train import compose, train

    settings: dict[str, Any] = {
        "data": data,
        "output": output,
        "hardware_name": hardware,
        "config": config,
        "precision": precision,
        "overrides": overrides or (),
    }
    if dry_run:
        print(compose(stage, checkpoint=model, **settings))
    else:
        _print(train(stage, model=model, **settings), as_json)


def _print(summary: Any, as_json: bool) -> None:
    """Show a command's result: its text for people, or its values for programs."""
    print(json.dumps(summary.to_dict(), ensure_ascii=False, indent=2) if as_json else summary.text())


def main() -> int:
    """Run the command line; return 0 when done, 1 when the work failed, 2 for wrong usage, 130 after Ctrl-C."""
    # torch's own import of a renamed package; nothing that a user could do anything about
    warnings.filterwarnings("ignore", message="The pynvml package is deprecated", category=FutureWarning)
    try:
        app(standalone_mode=True)
    except RecipeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    except SystemExit as ended:
        # Typer ends the process itself, after Ctrl-C with 130
        if ended.code == INTERRUPTED:
            print("stopped; the same command goes on from what is finished", file=sys.stderr)
        return ended.code if isinstance(ended.code, int) else 0
    except OSError as error:
        # a full disk, a missing permission: the system's own words, with the file they are about
        where = f" ({error.filename})" if error.filename else ""
        print(f"error: {error.strerror or error}{where}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
