"""The bundled sample: genuine in form, parallel in five languages, the same bytes every time."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import pytest
from lxml import etree

from preprocessing.document import LegalDocument
from preprocessing.errors import UsageError
from preprocessing.formex.parse import read_documents
from tools.sample.acts import most_acts, plan_acts
from tools.sample.corpus import SAMPLE_TEST_ACT, write_sample
from tools.sample.grammar import LANGUAGES, Clause, Noun

SCHEMAS = Path(__file__).parents[4] / "shared" / "formex" / "schema.tar.xz"
ACTS = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("sample") / "formex"
    write_sample(output, acts=ACTS)
    return output


@pytest.fixture(scope="module")
def documents(folder: Path) -> list[LegalDocument]:
    read = list(read_documents([folder]))
    assert all(isinstance(document, LegalDocument) for document in read)
    return [document for document in read if isinstance(document, LegalDocument)]


def test_every_file_is_valid_formex(folder: Path) -> None:
    if not SCHEMAS.is_file():
        pytest.skip(f"the FORMEX schemas are not there: {SCHEMAS}")
    with tarfile.open(SCHEMAS) as archive:
        name = next(name for name in archive.getnames() if name.endswith("/formex-05.55-20141201.xd"))
        member = archive.extractfile(name)
        assert member is not None
        schema = etree.XMLSchema(etree.parse(io.BytesIO(member.read())))
    for file in sorted(folder.rglob("*.xml")):
        assert schema.validate(etree.parse(file)), f"{file.name}: {schema.error_log}"


def test_the_same_settings_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_sample(tmp_path / "again", acts=ACTS)
    first = {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*.xml")}
    again = {file.relative_to(tmp_path / "again"): file.read_bytes() for file in (tmp_path / "again").rglob("*.xml")}
    assert first == again


def test_another_seed_gives_other_acts(folder: Path, tmp_path: Path) -> None:
    write_sample(tmp_path / "other", acts=ACTS, seed=2)
    name = Path("en") / "L_2099002EN.01000101.xml"
    assert (tmp_path / "other" / name).read_bytes() != (folder / name).read_bytes()


def test_more_acts_leave_the_earlier_ones_as_they_are(folder: Path, tmp_path: Path) -> None:
    write_sample(tmp_path / "more", acts=ACTS + 1, languages=("en",))
    for file in (folder / "en").iterdir():
        assert (tmp_path / "more" / "en" / file.name).read_bytes() == file.read_bytes()


def test_the_reader_sees_every_act_in_every_language(documents: list[LegalDocument]) -> None:
    planned = {act.celex for act in plan_acts(ACTS, seed=1)}
    for language in LANGUAGES:
        assert {document.celex for document in documents if document.language == language} == planned
    assert all(not document.warnings for document in documents)


def test_the_languages_say_the_same(documents: list[LegalDocument]) -> None:
    """Articles, paragraphs, recitals, annexes and all numbers in an article agree over the five languages."""

    def numbers(text: str) -> list[str]:
        return sorted(re.findall(r"\d+", re.sub(r"[\u00a0\u202f]", "", text)))

    by_act: dict[str | None, list[LegalDocument]] = {}
    for document in documents:
        by_act.setdefault(document.celex, []).append(document)
    for versions in by_act.values():
        first = versions[0]
        for other in versions[1:]:
            assert [article.number for article in other.articles] == [article.number for article in first.articles]
            assert len(other.recitals) == len(first.recitals)
            assert len(other.annexes) == len(first.annexes)
            for left, right in zip(first.articles, other.articles, strict=True):
                assert len(left.paragraphs) == len(right.paragraphs)
                if "2099/" not in left.text + right.text:  # a footnote of a German text writes its date otherwise
                    assert numbers(left.text) == numbers(right.text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_test_act_has_what_questions_are_made_from(language: str, documents: list[LegalDocument]) -> None:
    (act,) = [item for item in documents if item.celex == SAMPLE_TEST_ACT and item.language == language]
    definitions = {"en": "Definitions", "fr": "Définitions", "de": "Begriffsbestimmungen", "es": "Definiciones"}
    assert act.document_type == "regulation"
    assert len(act.articles) >= 30
    (article,) = [item for item in act.articles if item.heading == definitions.get(language, "Definições")]
    mark = {"en": "\u2018", "de": "\u201e"}.get(language, "\u00ab")
    assert article.text.count(mark) >= 8


def test_every_kind_of_structure_occurs(folder: Path) -> None:
    tags = {element.tag for file in folder.rglob("*.xml") for element in etree.parse(file).iter(etree.Element)}
    wanted = (
        "ACT ANNEX DOC VISA CONSID DIVISION PARAG ALINEA LIST DLIST QUOT.START NOTE REF.DOC.OJ TBL FT DATE SIGNATURE"
    )
    assert set(wanted.split()) <= tags


def test_no_mark_of_a_template_is_left(documents: list[LegalDocument]) -> None:
    for document in documents:
        assert not re.search(r"[$@~^{}*]|(?<! )\||None", document.text), document.id


def test_contractions_are_made_in_every_language(documents: list[LegalDocument]) -> None:
    apart = {
        "fr": r"\b(?:[dD]e le|à le|[dD]e les|à les)\b",
        "de": r"\b(?:zu dem|bei dem|von dem)\b",
        "es": r"\b(?:[dD]e el|[aA] el)\b",
        "pt": r"\b(?:[dD]e o|[dD]e a|[eE]m o|[eE]m a|a o|a a|por o|por a)\b",
    }
    for document in documents:
        if document.language in apart:
            assert not re.search(apart[document.language], document.text), document.id


def test_german_nouns_are_inflected() -> None:
    tower = Noun(("the tower", "la tour", "der Turm/Turms von Rügen", "la torre", "a torre"))
    forms = ("nom", "acc", "dat", "gen", "each-acc", "each-gen", "bare")
    assert [tower.form("de", form) for form in forms] == [
        "der Turm von Rügen",
        "den Turm von Rügen",
        "dem Turm von Rügen",
        "des Turms von Rügen",
        "jeden Turm von Rügen",
        "jedes Turms von Rügen",
        "Turm von Rügen",
    ]
    assert (tower.form("en", "each"), tower.form("fr", "each-dat")) == ("each tower", "chaque tour")


def test_every_phrase_can_be_said_in_every_language_and_topic() -> None:
    """All acts there are words for are planned and spoken: no slot is unknown, no form is missing."""
    acts = plan_acts(most_acts(), seed=3)
    assert len({act.celex for act in acts}) == most_acts()
    clauses = [clause for act in acts for clause in (act.subject, *act.recitals, *act.visas)]
    clauses += [
        clause
        for act in acts
        for chapter in act.chapters
        for article in chapter.articles
        for paragraph in article.paragraphs
        for clause in (paragraph.lead, *paragraph.points, *(item.meaning for item in paragraph.definitions))
    ]
    assert all(clause.sentence(language) for clause in clauses for language in LANGUAGES)


def test_a_sentence_begins_with_a_capital() -> None:
    clause = Clause({"fr": "$op veille. il écrit à $op, p. 3."}, {"op": Noun(("", "l'éclusier", "", "", ""))})
    assert clause.sentence("fr") == "L'éclusier veille. Il écrit à l'éclusier, p. 3."


def test_a_folder_with_content_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="already holds other files"):
        write_sample(tmp_path, acts=1)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("acts", [0, -1, 10_000])
def test_a_number_of_acts_out_of_range_is_refused(acts: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="1 to"):
        write_sample(tmp_path / "out", acts=acts)
    assert not (tmp_path / "out").exists()


def test_an_unknown_language_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'it'"):
        write_sample(tmp_path / "out", languages=("en", "it"))
