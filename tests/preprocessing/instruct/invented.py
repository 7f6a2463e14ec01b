"""An invented act in five languages, and corpora made of such acts, for the tests of instruction data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from preprocessing.corpus.registry import Registry
from preprocessing.corpus.registry_file import write_registry
from preprocessing.corpus.registry_rows import registry_row
from preprocessing.document import Article, LegalDocument
from preprocessing.languages import LANGUAGES
from tests.preprocessing.corpus.conftest import write_documents

# (heading, paragraphs) of each article, by language: definitions, scope, a duty, a list, penalties, entry into force
TEXTS: dict[str, list[tuple[str, list[str]]]] = {
    "en": [
        ("Subject matter", ["This Regulation lays down rules on the keeping of lanterns in harbours of the Union."]),
        (
            "Definitions",
            [
                "For the purposes of this Regulation:\n"
                "(1) ‘lantern’ means any lamp that is carried on board of a vessel;\n"
                "(2) ‘keeper’ means any person who looks after a lantern:\n(a) by day; or\n(b) by night;\n"
                "(3) ‘harbour’ means any place where more than ten vessels lie."
            ],
        ),
        (
            "Duties of the keeper",
            [
                "1. The keeper shall light every lantern before the sun has set.",
                "2. The keeper shall make sure that:\n"
                "(a) the glass is clean;\n(b) the oil is fresh; and\n(c) the wick is dry.",
                "3. The keeper may leave the harbour when the sun has risen.",
            ],
        ),
        ("Penalties", ["Member States shall lay down the penalties for lanterns that are not lit at night."]),
        (
            "Entry into force",
            ["This Regulation shall enter into force on the third day following that of its publication."],
        ),
    ],
    "fr": [
        (
            "Objet",
            ["Le présent règlement établit les règles relatives à la garde des lanternes dans les ports de l'Union."],
        ),
        (
            "Définitions",
            [
                "Aux fins du présent règlement, on entend par:\n"
                "1) «lanterne», toute lampe portée à bord d'un navire;\n"
                "2) «gardien», toute personne qui veille sur une lanterne:\na) de jour; ou\nb) de nuit;\n"
                "3) «port», tout lieu où se trouvent plus de dix navires."
            ],
        ),
        (
            "Obligations du gardien",
            [
                "1. Le gardien doit allumer chaque lanterne avant le coucher du soleil.",
                "2. Le gardien veille à ce que:\n"
                "a) le verre soit propre;\nb) l'huile soit fraîche; et\nc) la mèche soit sèche.",
                "3. Le gardien peut quitter le port au lever du soleil.",
            ],
        ),
        ("Sanctions", ["Les États membres fixent les sanctions applicables aux lanternes non allumées la nuit."]),
        (
            "Entrée en vigueur",
            ["Le présent règlement entre en vigueur le troisième jour suivant celui de sa publication."],
        ),
    ],
    "de": [
        ("Gegenstand", ["Diese Verordnung enthält Vorschriften über die Wartung von Laternen in den Häfen der Union."]),
        (
            "Begriffsbestimmungen",
            [
                "Im Sinne dieser Verordnung bezeichnet der Ausdruck:\n"
                "1. „Laterne“ jede Lampe, die an Bord eines Schiffes mitgeführt wird;\n"
                "2. „Wärter“ jede Person, die auf eine Laterne achtet,\na) bei Tage oder\nb) bei Nacht;\n"
                "3. „Hafen“ jeden Ort, an dem mehr als zehn Schiffe liegen."
            ],
        ),
        (
            "Pflichten des Wärters",
            [
                "(1) Der Wärter muss jede Laterne vor Sonnenuntergang anzünden.",
                "(2) Der Wärter sorgt dafür, dass\n"
                "a) das Glas sauber ist,\nb) das Öl frisch ist und\nc) der Docht trocken ist.",
                "(3) Der Wärter darf den Hafen nach Sonnenaufgang verlassen.",
            ],
        ),
        ("Sanktionen", ["Die Mitgliedstaaten legen die Sanktionen für nachts nicht brennende Laternen fest."]),
        ("Inkrafttreten", ["Diese Verordnung tritt am dritten Tag nach ihrer Veröffentlichung in Kraft."]),
    ],
    "es": [
        (
            "Objeto",
            ["El presente Reglamento establece normas sobre el cuidado de los faroles en los puertos de la Unión."],
        ),
        (
            "Definiciones",
            [
                "A efectos del presente Reglamento se entenderá por:\n"
                "1) «farol»: toda lámpara que se lleve a bordo de un buque;\n"
                "2) «guardián»: toda persona que cuide de un farol:\na) de día, o\nb) de noche;\n"
                "3) «puerto»: todo lugar en que haya más de diez buques."
            ],
        ),
        (
            "Deberes del guardián",
            [
                "1. El guardián encenderá cada farol antes de la puesta del sol.",
                "2. El guardián velará por que:\n"
                "a) el vidrio esté limpio;\nb) el aceite sea reciente, y\nc) la mecha esté seca.",
                "3. El guardián podrá salir del puerto a la salida del sol.",
            ],
        ),
        ("Sanciones", ["Los Estados miembros establecerán las sanciones por los faroles apagados durante la noche."]),
        (
            "Entrada en vigor",
            ["El presente Reglamento entrará en vigor el tercer día siguiente al de su publicación."],
        ),
    ],
    "pt": [
        ("Objeto", ["O presente regulamento estabelece regras sobre a guarda das lanternas nos portos da União."]),
        (
            "Definições",
            [
                "Para efeitos do presente regulamento, entende-se por:\n"
                "1) «Lanterna», qualquer lâmpada transportada a bordo de um navio;\n"
                "2) «Guarda», qualquer pessoa que cuide de uma lanterna:\na) De dia; ou\nb) De noite;\n"
                "3) «Porto», qualquer lugar onde se encontrem mais de dez navios."
            ],
        ),
        (
            "Deveres do guarda",
            [
                "1. O guarda deve acender cada lanterna antes do pôr do sol.",
                "2. O guarda assegura que:\na) O vidro está limpo;\nb) O óleo é fresco; e\nc) O pavio está seco.",
                "3. O guarda pode sair do porto ao nascer do sol.",
            ],
        ),
        ("Sanções", ["Os Estados-Membros estabelecem as sanções aplicáveis às lanternas apagadas durante a noite."]),
        (
            "Entrada em vigor",
            ["O presente regulamento entra em vigor no terceiro dia seguinte ao da sua publicação."],
        ),
    ],
}
TITLES = {
    "en": "Regulation (EU) 2099/{n} of the European Parliament and of the Council of 1 May 2099 on lanterns",
    "fr": "Règlement (UE) 2099/{n} du Parlement européen et du Conseil du 1er mai 2099 relatif aux lanternes",
    "de": "Verordnung (EU) 2099/{n} des Europäischen Parlaments und des Rates vom 1. Mai 2099 über Laternen",
    "es": "Reglamento (UE) 2099/{n} del Parlamento Europeo y del Consejo de 1 de mayo de 2099 relativo a los faroles",
    "pt": "Regulamento (UE) 2099/{n} do Parlamento Europeu e do Conselho de 1 de maio de 2099 relativo às lanternas",
}


def act(language: str, number: int = 1) -> LegalDocument:
    """The invented regulation 2099/``number`` in one language."""
    articles = [
        Article(str(position), heading, [], "\n".join(paragraphs), list(paragraphs))
        for position, (heading, paragraphs) in enumerate(TEXTS[language], start=1)
    ]
    celex = f"32099R{number:04d}"
    title = TITLES[language].format(n=number)
    text = "\n".join([title, *(f"{number}\n{article.heading}\n{article.text}" for article in articles)])
    return LegalDocument(
        id=f"{celex}-{language}",
        source=f"{celex}.{language}.xml",
        language=language,
        document_type="regulation",
        title=title,
        text=text,
        celex=celex,
        base_celex=celex,
        date="2099-05-01",
        articles=articles,
    )


def acts(numbers: Sequence[int] = (1,), languages: Sequence[str] = tuple(LANGUAGES)) -> list[LegalDocument]:
    """The invented regulations of these numbers in these languages."""
    return [act(language, number) for number in numbers for language in languages]


def write_corpus(folder: Path, documents: Sequence[LegalDocument]) -> Path:
    """Write what `preprocess` leaves for instruction data: the documents table and the registry."""
    write_documents(folder / "documents", documents, shards=2)
    write_registry(map(registry_row, documents), folder / "registry.parquet")
    return folder


def registry_of(documents: Sequence[LegalDocument]) -> Registry:
    """The registry of some documents."""
    return Registry.from_rows(map(registry_row, documents))
