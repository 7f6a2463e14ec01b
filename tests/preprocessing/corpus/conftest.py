"""A small Llama-3-shaped tokenizer and invented documents."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from preprocessing.corpus.documents import documents_schema, shard_name
from preprocessing.corpus.output import WORK
from preprocessing.corpus.pipeline import preprocess
from preprocessing.corpus.score import PARTS
from preprocessing.corpus.settings import Settings
from preprocessing.corpus.tokenizer import SPECIAL_TOKENS
from preprocessing.document import Article, LegalDocument
from preprocessing.languages import LANGUAGES

# Llama 3's published splitting rule.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
TEXTS = [
    "The competent authority shall inform the operator without undue delay of the measures taken.",
    "L'autorité compétente informe l'opérateur sans retard injustifié des mesures prises.",
    "Die zuständige Behörde unterrichtet den Betreiber unverzüglich über die getroffenen Maßnahmen.",
    "La autoridad competente informará sin dilación indebida al operador de las medidas adoptadas.",
    "A autoridade competente informa sem demora injustificada o operador das medidas tomadas.",
]


def make_tokenizer(folder: Path, special_tokens: tuple[str, ...] = SPECIAL_TOKENS, vocab_size: int = 400) -> Path:
    """Train a byte-level BPE tokenizer with Llama 3's splitting, special tokens and begin-of-text template."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special_tokens])
    if "<|begin_of_text|>" in special_tokens:
        begin = "<|begin_of_text|>"
        tokenizer.post_processor = processors.Sequence(
            [
                processors.ByteLevel(trim_offsets=False),
                processors.TemplateProcessing(
                    single=f"{begin} $A",
                    pair=f"{begin} $A {begin} $B",
                    special_tokens=[(begin, tokenizer.token_to_id(begin))],
                ),
            ]
        )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin_of_text|>", '
        '"eos_token": "<|end_of_text|>", "clean_up_tokenization_spaces": false}',
        encoding="utf-8",
    )
    return folder


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture
def make_document() -> Callable[..., LegalDocument]:
    """Return a function that builds an invented act: ``make("32099R0001", "fr", articles=12)``."""

    def make(celex: str = "32099R0001", language: str = "en", articles: int = 3, **changes: object) -> LegalDocument:
        sentence = TEXTS[["en", "fr", "de", "es", "pt"].index(language)]
        own = [
            Article(
                number=str(number),
                heading=f"Heading {number}",
                path=[],
                text=f"{number}.1. {sentence}\n{number}.2. {celex}: {sentence}",
                paragraphs=[],
            )
            for number in range(1, articles + 1)
        ]
        body = "\n".join(f"Article {item.number}\n{item.heading}\n{item.text}" for item in own)
        values: dict[str, object] = {
            "id": f"{celex}-{language}",
            "source": f"{celex}.{language}.xml",
            "language": language,
            "document_type": "regulation",
            "title": f"Regulation {celex}",
            "text": f"Regulation {celex}\nWhereas this act is invented.\n{body}\nDone at Nowhere, 1 May 2099.",
            "celex": celex,
            "base_celex": celex,
            "date": "2099-05-01",
            "articles": own,
        }
        return LegalDocument(**{**values, **changes})  # type: ignore[arg-type]

    return make


def settings(**changes: Any) -> Settings:
    """Return settings that let invented acts pass, which say nearly the same."""
    return Settings(**{"near_duplicates": 0.0, **changes})


def write_documents(folder: Path, documents: Sequence[LegalDocument], shards: int = 1) -> list[Path]:
    """Write a documents table as ``preprocess`` does, the documents dealt out to the shards in turn."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    more = {"split": "train", "tokens": 1, "score": 0.5, "score_parts": dict.fromkeys(PARTS, 0.5)}
    paths = []
    for shard in range(min(shards, len(documents))):
        rows = [{**document.to_dict(), **more} for document in documents[shard::shards]]
        paths.append(folder / f"{shard_name(shard, shards)}.parquet")
        pq.write_table(pa.Table.from_pylist(rows, schema=documents_schema()), paths[-1])
    return paths


def write_act(folder: Path, number: int, language: str, articles: int = 12, kind: str = "REG") -> Path:
    """Write an invented act of 2099 as FORMEX, with the ``.doc.xml`` that tells its kind; return its file."""
    code = language.upper()
    sentence = TEXTS[["en", "fr", "de", "es", "pt"].index(language)]
    word = {"en": "Article", "fr": "Article", "de": "Artikel", "es": "Artículo", "pt": "Artigo"}[language]
    stem = f"L_2099{number:03d}{code}.01000101"
    body = "".join(
        f'<ARTICLE IDENTIFIER="{item:03d}"><TI.ART>{word} {item}</TI.ART><STI.ART>({item})</STI.ART>'
        f'<PARAG IDENTIFIER="{item:03d}.001"><NO.PARAG>1.</NO.PARAG>'
        f"<ALINEA>[{number}/{item}] {sentence}</ALINEA></PARAG>"
        f'<PARAG IDENTIFIER="{item:03d}.002"><NO.PARAG>2.</NO.PARAG><ALINEA>{sentence}</ALINEA></PARAG></ARTICLE>'
        for item in range(1, articles + 1)
    )
    oj = f"<COLL>L</COLL><NO.OJ>{number}</NO.OJ>"
    date = '<DATE ISO="20990501">20990501</DATE>'
    no_doc = f'<NO.DOC FORMAT="YN" TYPE="OJ"><NO.CURRENT>{number}</NO.CURRENT><YEAR>2099</YEAR><COM>EU</COM></NO.DOC>'
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.xml").write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ACT><BIB.INSTANCE><DOCUMENT.REF FILE="{stem}.doc.xml">{oj}'
        f"<YEAR>2099</YEAR><LG.OJ>{code}</LG.OJ><PAGE.FIRST>1</PAGE.FIRST><PAGE.SEQ>1</PAGE.SEQ>"
        f"<VOLUME.REF>01</VOLUME.REF></DOCUMENT.REF>{date}<LG.DOC>{code}</LG.DOC>{no_doc}</BIB.INSTANCE>"
        f"<TITLE><TI><P>(EU) 2099/{number}</P></TI></TITLE>"
        f"<PREAMBLE><PREAMBLE.INIT>{sentence}</PREAMBLE.INIT></PREAMBLE>"
        f"<ENACTING.TERMS>{body}</ENACTING.TERMS><FINAL><P>{sentence}</P></FINAL></ACT>",
        encoding="utf-8",
    )
    (folder / f"{stem}.doc.xml").write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<DOC><BIB.DOC>{no_doc}</BIB.DOC>'
        f'<PUBLICATION.REF FILE="L_2099{number:03d}{code}.toc.xml">{oj}{date}<LG.OJ>{code}</LG.OJ>'
        f'<VOLUME.REF>01</VOLUME.REF></PUBLICATION.REF><FMX><DOC.MAIN.PUB NO.SEQ="0001"><LG.DOC>{code}</LG.DOC>'
        f'<LEGAL.VALUE>{kind}</LEGAL.VALUE>{date}<REF.PHYS FILE="{stem}.xml" TYPE="DOC.XML"/>'
        "</DOC.MAIN.PUB></FMX></DOC>",
        encoding="utf-8",
    )
    return folder / f"{stem}.xml"


@pytest.fixture(scope="session")
def acts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six invented acts in five languages, one of them twice, one too short, one in no language of ours, one broken."""
    folder = tmp_path_factory.mktemp("formex")
    for language in LANGUAGES:
        for number in range(1, 7):
            write_act(folder / language, number, language, kind="DIR" if number == 3 else "REG")
    again = write_act(folder / "again", 1, "en")
    again.write_bytes(again.read_bytes() + b"\n")  # the same text, but not the same file
    write_act(folder / "short", 7, "en", articles=0)
    (folder / "broken.xml").write_text("<ACT><TITLE>")
    return folder


@pytest.fixture(scope="session")
def corpus(acts: Path, tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("corpus") / "out"
    preprocess([acts], output, tokenizer_folder, settings(shards=4), workers=1)
    return output


def contents(folder: Path) -> dict[str, str]:
    """The corpus, without what is kept for the next run."""
    files = (path for path in folder.rglob("*") if path.is_file() and folder / WORK not in path.parents)
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def rows_of(corpus: Path) -> list[dict]:
    import pyarrow.parquet as pq

    return [row for path in sorted((corpus / "documents").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
