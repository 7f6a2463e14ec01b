"""The corpus: made, checked, sent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from preprocessing.errors import UsageError
from tools.commands.options import ALL_LANGUAGES, WORKERS, Json, Languages, Overwrite, Seed, Workers, print_result


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
        int | None, typer.Option(help="Parts to work on in parallel.", show_default="8 to 32 MB of XML each")
    ] = None,
    workers: Workers = WORKERS,
    engine: Annotated[str, typer.Option(help="Where the work is done: local, ray, slurm.")] = "local",
    engine_address: Annotated[
        str | None, typer.Option(help="Ray cluster: HOST:6379.", show_default="$RAY_ADDRESS, or the one here")
    ] = None,
    executor: Annotated[
        str | None, typer.Option(help="Slurm settings: NAME or FILE.", show_default="nemo_configs/executors/slurm.yaml")
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
        from preprocessing.corpus.indexed import idx_path
        from recipes.executors.settings import load_slurm
        from tools.corpus_on_slurm import options_of, submit

        options = options_of(inputs, output, tokenizer, settings, overwrite)
        read = [*inputs, tokenizer, *([idx_path(settings.replay[0])] if settings.replay else [])]
        sent = submit(options, load_slurm(executor), dry_run=dry_run, inputs=read, outputs=[output])
        print_result(sent, as_json)
    elif dry_run:
        print_result(look(inputs, output, tokenizer, settings), as_json)
    elif only:
        done = do_part(
            inputs, output, tokenizer, settings, only, parse_part(part), workers=workers, overwrite=overwrite
        )
        print_result(done, as_json)
    elif engine == "ray":
        from preprocessing.corpus.ray_engine import RayEngine

        cluster = RayEngine((*inputs, output, tokenizer), engine_address)
        print_result(run(inputs, output, tokenizer, settings, engine=cluster, overwrite=overwrite), as_json)
    else:
        print_result(run(inputs, output, tokenizer, settings, workers=workers, overwrite=overwrite), as_json)


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
    print_result(report, as_json)
    raise typer.Exit(report.exit_status)


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
    print_result(summary, as_json)
    raise typer.Exit(summary.exit_status)
