"""The words that citations are made of, once per language: article, kinds of act, subdivisions.

Everything that finds, writes or names an act or an article takes its words from here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ActNoun:
    """One kind of numbered act as it is named before its number: ``Delegierte Verordnung`` (EU) 2016/679.

    ``letter`` is the kind's letter in a CELEX number. ``grammar`` picks the article and prepositions from the
    language's table. ``genitive`` and ``dative`` are given where they differ from ``name``; ``other_forms`` are
    plurals and older spellings.
    """

    name: str
    letter: str
    grammar: str
    other_forms: tuple[str, ...] = ()
    genitive: str = ""
    dative: str = ""

    def forms(self) -> tuple[str, ...]:
        """Every form under which the noun can stand before a number."""
        return tuple(form for form in (self.name, self.genitive, self.dative, *self.other_forms) if form)


@dataclass(frozen=True)
class CitationWords:
    """The words of one language; the fields ending in ``_pattern`` are regular expression sources.

    ``types`` has the word that the fixed form prints for each document type. ``prepositions`` maps an
    :class:`ActNoun`'s grammar to (nominative article, "of the", "in the"), each ready to stand before the noun.
    """

    article: str
    sole_article: str  # the only article of an act, numbered "sole"
    article_pattern: str  # singular and plural, in full and short
    plural_article_pattern: str  # what announces a list of articles
    first_article_pattern: str  # words that stand for article 1, "" where there are none
    suffix_pattern: str  # what may follow an article's digits ("bis", "a")
    subdivision_pattern: str  # words before a paragraph, point or sentence number
    ordinal_subdivision_pattern: str  # "first subparagraph": a subdivision named without a number
    range_pattern: str  # between first and last of "Articles 15 to 22"
    joint_words: str  # before the last member of a list, "and|or"
    of_act_pattern: str  # between an article and the act it is an article of
    types: dict[str, str]
    nouns: tuple[ActNoun, ...]
    prepositions: dict[str, tuple[str, str, str]]
    bare_letters: bool = False  # points are listed as letters without brackets ("Buchstaben a, b und c")


# bis, ter, ... decies, then composed: "quaterdecies", "terquinquagies"; inserted between those: "bis bis"
_LATIN = (
    r"(?:bis|ter|quater|quinquies|sexies|septies|octies|novies|nonies|"
    r"[a-z]{0,10}(?:decies|icies|agies|ogies))"
)
JOINED_LATIN_SUFFIX = rf"{_LATIN}{{1,2}}\b"
LATIN_SUFFIX = rf"(?:\s?{_LATIN}){{1,2}}\b"
LETTER_SUFFIX = r"[a-z]{1,2}(?![\w)])"
SOLE = "sole"  # the number of an act's only article, which prints none

WORDS: dict[str, CitationWords] = {
    "en": CitationWords(
        article="Article",
        sole_article="Sole Article",
        article_pattern=r"articles?|arts?\.|art",
        plural_article_pattern=r"articles|arts?\.",
        first_article_pattern="",
        suffix_pattern=rf"{LATIN_SUFFIX}|{LETTER_SUFFIX}",
        subdivision_pattern=r"paragraphs?|paras?\.?|points?|subparagraphs?|sub-paragraphs?|letters?|indents?",
        ordinal_subdivision_pattern=r"(?:the\s)?(?:first|second|third|fourth|fifth|last)\s(?:subparagraph|paragraph|sentence|indent)",
        range_pattern=r"\sto\s|\s?[-–]\s?",
        joint_words=r"and|or",
        of_act_pattern=r"of|in|under|to|from|the|said|council|commission|european parliament and(?: of the)? council",
        types={
            "regulation": "Regulation",
            "directive": "Directive",
            "decision": "Decision",
            "recommendation": "Recommendation",
            "opinion": "Opinion",
            "judgment": "Judgment",
            "order": "Order",
            "advocate_general_opinion": "Opinion of the Advocate General",
            "corrigendum": "Corrigendum",
            "agreement": "Agreement",
            "notice": "Notice",
            "annex": "Annex",
            "other": "Act",
        },
        nouns=(
            ActNoun("Implementing Regulation", "R", "", ("Implementing Regulations",)),
            ActNoun("Delegated Regulation", "R", "", ("Delegated Regulations",)),
            ActNoun("Regulation", "R", "", ("Regulations",)),
            ActNoun("Implementing Directive", "L", "", ("Implementing Directives",)),
            ActNoun("Delegated Directive", "L", "", ("Delegated Directives",)),
            ActNoun("Directive", "L", "", ("Directives",)),
            ActNoun("Framework Decision", "F", "", ("Framework Decisions",)),
            ActNoun("Implementing Decision", "D", "", ("Implementing Decisions",)),
            ActNoun("Delegated Decision", "D", "", ("Delegated Decisions",)),
            ActNoun("Decision", "D", "", ("Decisions",)),
            ActNoun("Recommendation", "H", "", ("Recommendations",)),
        ),
        prepositions={"": ("", "of ", "in ")},
    ),
    "fr": CitationWords(
        article="Article",
        sole_article="Article unique",
        article_pattern=r"articles?|arts?\.|art",
        plural_article_pattern=r"articles|arts?\.",
        first_article_pattern=r"premier|1er|1ᵉʳ",
        suffix_pattern=rf"{LATIN_SUFFIX}|{LETTER_SUFFIX}",
        subdivision_pattern=r"paragraphes?|par\.|§+|points?|alinéas?|lettres?|sous\s?b",
        ordinal_subdivision_pattern=r"(?:le\s)?(?:premier|deuxième|second|troisième|quatrième|cinquième|dernier|première|seconde|dernière)"
        r"\s(?:alinéa|paragraphe|tiret|phrase)",
        range_pattern=r"\sà\s|\s?[-–]\s?",
        joint_words=r"et|ou",
        of_act_pattern=r"du|de|la|le|des|au|dans|dudit|ladite|conseil|commission",
        types={
            "regulation": "Règlement",
            "directive": "Directive",
            "decision": "Décision",
            "recommendation": "Recommandation",
            "opinion": "Avis",
            "judgment": "Arrêt",
            "order": "Ordonnance",
            "advocate_general_opinion": "Conclusions de l'avocat général",
            "corrigendum": "Rectificatif",
            "agreement": "Accord",
            "notice": "Communication",
            "annex": "Annexe",
            "other": "Acte",
        },
        nouns=(
            ActNoun("règlement d'exécution", "R", "m", ("règlement d’exécution", "règlements d'exécution")),
            ActNoun("règlement délégué", "R", "m", ("règlements délégués",)),
            ActNoun("règlement", "R", "m", ("règlements",)),
            ActNoun("directive d'exécution", "L", "f", ("directive d’exécution",)),
            ActNoun("directive déléguée", "L", "f", ("directives déléguées",)),
            ActNoun("directive", "L", "f", ("directives",)),
            ActNoun("décision-cadre", "F", "f", ("décisions-cadres", "décisions-cadre")),
            ActNoun("décision d'exécution", "D", "f", ("décision d’exécution", "décisions d'exécution")),
            ActNoun("décision déléguée", "D", "f", ("décisions déléguées",)),
            ActNoun("décision", "D", "f", ("décisions",)),
            ActNoun("recommandation", "H", "f", ("recommandations",)),
        ),
        prepositions={
            "m": ("le ", "du ", "dans le "),
            "f": ("la ", "de la ", "dans la "),
        },
    ),
    "de": CitationWords(
        article="Artikel",
        sole_article="Einziger Artikel",
        article_pattern=r"artikeln?|artikels|art\.|art",
        plural_article_pattern=r"artikeln?|art\.",
        first_article_pattern="",
        suffix_pattern=rf"{JOINED_LATIN_SUFFIX}|{LETTER_SUFFIX}",  # "13 bis 15" is a range in German
        subdivision_pattern=r"absatz|absätzen?|abs\.|unterabsatz|unterabsätzen?|uabs\.|buchstaben?|lit\.|nummern?|nr\.|satz|sätze|"
        r"ziffern?|spiegelstrich",
        ordinal_subdivision_pattern=r"(?:erster|zweiter|dritter|vierter|letzter|ersten|zweiten|dritten)\s"
        r"(?:unterabsatz|absatz|gedankenstrich|satz)",
        range_pattern=r"\sbis\s|\s?[-–]\s?",
        joint_words=r"und|oder|sowie",
        of_act_pattern=r"der|des|dem|den|die|von|aus|in|im|genannten|rates|kommission",
        types={
            "regulation": "Verordnung",
            "directive": "Richtlinie",
            "decision": "Beschluss",
            "recommendation": "Empfehlung",
            "opinion": "Stellungnahme",
            "judgment": "Urteil",
            "order": "Beschluss",
            "advocate_general_opinion": "Schlussanträge des Generalanwalts",
            "corrigendum": "Berichtigung",
            "agreement": "Abkommen",
            "notice": "Bekanntmachung",
            "annex": "Anhang",
            "other": "Rechtsakt",
        },
        nouns=(
            ActNoun("Durchführungsverordnung", "R", "f", ("Durchführungsverordnungen",)),
            ActNoun(
                "Delegierte Verordnung",
                "R",
                "f",
                ("Delegierten Verordnungen",),
                "Delegierten Verordnung",
                "Delegierten Verordnung",
            ),
            ActNoun("Verordnung", "R", "f", ("Verordnungen",)),
            ActNoun("Durchführungsrichtlinie", "L", "f", ("Durchführungsrichtlinien",)),
            ActNoun(
                "Delegierte Richtlinie",
                "L",
                "f",
                ("Delegierten Richtlinien",),
                "Delegierten Richtlinie",
                "Delegierten Richtlinie",
            ),
            ActNoun("Richtlinie", "L", "f", ("Richtlinien",)),
            ActNoun(
                "Rahmenbeschluss",
                "F",
                "m",
                ("Rahmenbeschlüsse", "Rahmenbeschlüssen", "Rahmenbeschluß"),
                "Rahmenbeschlusses",
            ),
            ActNoun("Durchführungsbeschluss", "D", "m", ("Durchführungsbeschlüsse",), "Durchführungsbeschlusses"),
            ActNoun("Delegierter Beschluss", "D", "m", (), "Delegierten Beschlusses", "Delegierten Beschluss"),
            ActNoun("Beschluss", "D", "m", ("Beschlüsse", "Beschluß", "Beschlüssen"), "Beschlusses"),
            ActNoun("Entscheidung", "D", "f", ("Entscheidungen",)),
            ActNoun("Empfehlung", "H", "f", ("Empfehlungen",)),
        ),
        prepositions={
            "f": ("die ", "der ", "in der "),
            "m": ("der ", "des ", "im "),
        },
        bare_letters=True,
    ),
    "es": CitationWords(
        article="Artículo",
        sole_article="Artículo único",
        article_pattern=r"art[ií]culos?|arts?\.|art",
        plural_article_pattern=r"art[ií]culos|arts?\.",
        first_article_pattern=r"primero",
        suffix_pattern=rf"{LATIN_SUFFIX}|{LETTER_SUFFIX}",
        subdivision_pattern=r"apartados?|letras?|párrafos?|puntos?|incisos?|números?|guion|guiones",
        ordinal_subdivision_pattern=r"párrafos?\s(?:primero|segundo|tercero|cuarto|quinto|último)(?:\sy\s(?:segundo|tercero))?|"
        r"(?:primer|segundo|tercer|último)\s(?:párrafo|guion|inciso)|(?:primera|segunda|última)\sfrase",
        range_pattern=r"\sal?\s|\s?[-–]\s?",
        joint_words=r"y|o",
        of_act_pattern=r"del?|la|el|los|en|al|dicho|dicha|citado|citada|consejo|comisión",
        types={
            "regulation": "Reglamento",
            "directive": "Directiva",
            "decision": "Decisión",
            "recommendation": "Recomendación",
            "opinion": "Dictamen",
            "judgment": "Sentencia",
            "order": "Auto",
            "advocate_general_opinion": "Conclusiones del Abogado General",
            "corrigendum": "Corrección de errores",
            "agreement": "Acuerdo",
            "notice": "Comunicación",
            "annex": "Anexo",
            "other": "Acto",
        },
        nouns=(
            ActNoun("Reglamento de Ejecución", "R", "m", ("Reglamentos de Ejecución",)),
            ActNoun("Reglamento Delegado", "R", "m", ("Reglamentos Delegados",)),
            ActNoun("Reglamento", "R", "m", ("Reglamentos",)),
            ActNoun("Directiva de Ejecución", "L", "f", ("Directivas de Ejecución",)),
            ActNoun("Directiva Delegada", "L", "f", ("Directivas Delegadas",)),
            ActNoun("Directiva", "L", "f", ("Directivas",)),
            ActNoun("Decisión Marco", "F", "f", ("Decisiones Marco",)),
            ActNoun("Decisión de Ejecución", "D", "f", ("Decisiones de Ejecución",)),
            ActNoun("Decisión Delegada", "D", "f", ("Decisiones Delegadas",)),
            ActNoun("Decisión", "D", "f", ("Decisiones",)),
            ActNoun("Recomendación", "H", "f", ("Recomendaciones",)),
        ),
        prepositions={
            "m": ("el ", "del ", "en el "),
            "f": ("la ", "de la ", "en la "),
        },
    ),
    "pt": CitationWords(
        article="Artigo",
        sole_article="Artigo único",
        article_pattern=r"artigos?|arts?\.|art",
        plural_article_pattern=r"artigos|arts?\.",
        first_article_pattern=r"primeiro",
        suffix_pattern=rf"-[A-Z]{{1,2}}\b|{LATIN_SUFFIX}|{LETTER_SUFFIX}",
        subdivision_pattern=r"n\.?\s?[ºo°]s?|n\.os|números?|alíneas?|parágrafos?|pontos?|subalíneas?|travess(?:ão|ões)",
        ordinal_subdivision_pattern=r"(?:primeiro|segundo|terceiro|quarto|quinto|último|primeira|segunda|última)\s"
        r"(?:parágrafo|travessão|frase|período)",
        range_pattern=r"\sa\s|\s?[-–]\s?",
        joint_words=r"e|ou",
        of_act_pattern=r"do|da|dos|das|de|no|na|ao|à|o|a|referido|referida|conselho|comissão",
        types={
            "regulation": "Regulamento",
            "directive": "Diretiva",
            "decision": "Decisão",
            "recommendation": "Recomendação",
            "opinion": "Parecer",
            "judgment": "Acórdão",
            "order": "Despacho",
            "advocate_general_opinion": "Conclusões do Advogado-Geral",
            "corrigendum": "Retificação",
            "agreement": "Acordo",
            "notice": "Comunicação",
            "annex": "Anexo",
            "other": "Ato",
        },
        nouns=(
            ActNoun("Regulamento de Execução", "R", "m", ("Regulamentos de Execução",)),
            ActNoun("Regulamento Delegado", "R", "m", ("Regulamentos Delegados",)),
            ActNoun("Regulamento", "R", "m", ("Regulamentos",)),
            ActNoun("Diretiva de Execução", "L", "f", ("Diretivas de Execução", "Directiva de Execução")),
            ActNoun("Diretiva Delegada", "L", "f", ("Diretivas Delegadas",)),
            ActNoun("Diretiva", "L", "f", ("Diretivas", "Directiva", "Directivas")),
            ActNoun("Decisão-Quadro", "F", "f", ("Decisões-Quadro",)),
            ActNoun("Decisão de Execução", "D", "f", ("Decisões de Execução",)),
            ActNoun("Decisão Delegada", "D", "f", ("Decisões Delegadas",)),
            ActNoun("Decisão", "D", "f", ("Decisões",)),
            ActNoun("Recomendação", "H", "f", ("Recomendações",)),
        ),
        prepositions={
            "m": ("o ", "do ", "no "),
            "f": ("a ", "da ", "na "),
        },
    ),
}
