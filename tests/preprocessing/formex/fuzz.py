"""Random changes to invented FORMEX, and what must hold for whatever comes of them."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import strategies as st
from lxml import etree

from preprocessing.document import LegalDocument
from preprocessing.errors import RecipeError
from preprocessing.formex import rules, workers
from preprocessing.formex.elements import DESCRIPTION_ROOTS, INLINE, LABELS, METADATA, TEXT_ROOTS
from preprocessing.formex.inputs import Rejected
from preprocessing.formex.parse import read_documents
from tests.preprocessing.formex.invented import description

_NUMBER = """
<NO.DOC><NO.CURRENT>123</NO.CURRENT><YEAR>2099</YEAR></NO.DOC>
"""
_TITLE = """
<TITLE><TI><P>Regulation (EU) 2099/123 of <DATE ISO='20990401'>1 April 2099</DATE></P><P>on clouds</P></TI>
</TITLE>
"""
_RECITALS = """
<PREAMBLE><PREAMBLE.INIT>THE COUNCIL,</PREAMBLE.INIT><GR.VISA><VISA>Having regard to it<NOTE NOTE.ID='E1'>
<P>OJ L 1, 1.1.2099, p. 1.</P></NOTE>,</VISA></GR.VISA><GR.CONSID><GR.CONSID.INIT>Whereas:</GR.CONSID.INIT>
<CONSID><NP><NO.P>(1)</NO.P><TXT>Clouds<NOTE NOTE.REF='E1'/> drift.</TXT></NP></CONSID></GR.CONSID>
<PREAMBLE.FINAL>HAS ADOPTED:</PREAMBLE.FINAL></PREAMBLE>
"""
_QUOTE = """
<QUOT.START CODE='2018' ID='Q1' REF.END='Q2'/>cloud<QUOT.END CODE='2019' ID='Q2' REF.START='Q1'/>
"""
_TABLE = """
<TBL COLS='2' NO.SEQ='1'><TITLE><TI><P>Table 1</P></TI></TITLE><CORPUS><ROW TYPE='HEADER'>
<CELL COL='1'>Cloud</CELL><CELL COL='2' COLSPAN='2'>Height</CELL></ROW><ROW><CELL COL='1' ROWSPAN='2'>a</CELL>
<CELL COL='2'><IE/></CELL></ROW><BLK><TI.BLK COL.START='1'><P>Block</P></TI.BLK><ROW><CELL COL='2'>
<FT TYPE='NUMBER'>35000</FT></CELL></ROW></BLK></CORPUS><GR.NOTES><NOTE NOTE.ID='T1'><P>Of the table.</P></NOTE>
</GR.NOTES></TBL>
"""
_FORMULA = """
<FORMULA TYPE='OUTLINE'><EXPR><IND>a</IND><OP.CMP TYPE='LT'/><FRACTION><DIVIDEND>1</DIVIDEND>
<DIVISOR>2</DIVISOR></FRACTION><OP.MATH TYPE='PLUS'/><ROOT DEGREE='3'>x</ROOT><SUM><UNDER>i</UNDER>
<OVER>n</OVER></SUM><EXPONENT>2</EXPONENT></EXPR></FORMULA><INCL.ELEMENT FILEREF='a.tif' TYPE='TIFF'/>
"""
_ARTICLES = f"""
<ENACTING.TERMS><DIVISION><TITLE><TI><P>CHAPTER I</P></TI><STI><P>Clouds</P></STI></TITLE>
<ARTICLE IDENTIFIER='001'><TI.ART>Article 1</TI.ART><STI.ART>Scope</STI.ART><PARAG IDENTIFIER='001.001'>
<NO.PARAG>1.</NO.PARAG><ALINEA>A {_QUOTE} is white, <HT TYPE='ITALIC'>or</HT> grey.<NOTE NOTE.ID='E2'>
<P>Or black.</P></NOTE></ALINEA></PARAG><PARAG><NO.PARAG>2.</NO.PARAG><ALINEA><P>It has:</P><LIST TYPE='alpha'>
<ITEM><NP><NO.P>(a)</NO.P><TXT>water;</TXT></NP></ITEM></LIST><LIST TYPE='DASH'><ITEM><P>air.</P></ITEM></LIST>
</ALINEA></PARAG></ARTICLE></DIVISION><ARTICLE IDENTIFIER='002'><TI.ART>Article 2</TI.ART><ALINEA>
<P>Article 5 reads:</P><QUOT.S LEVEL='1'><ARTICLE IDENTIFIER='005'><TI.ART>Article 5</TI.ART>
<ALINEA>See <REF.DOC.OJ COLL='L' NO.OJ='1' DATE.PUB='20990101'>OJ L 1</REF.DOC.OJ>.</ALINEA></ARTICLE></QUOT.S>
{_TABLE}{_FORMULA}<DLIST SEPARATOR=':'><DLIST.ITEM><TERM>sky</TERM><DEFINITION>above</DEFINITION></DLIST.ITEM>
</DLIST></ALINEA></ARTICLE></ENACTING.TERMS><FINAL><P>Done.</P><SIGNATURE><PL.DATE>
<P>Sky, <DATE ISO='20990401'>1 April 2099</DATE></P></PL.DATE></SIGNATURE></FINAL>
"""
_CONSOLIDATED = f"""
<CONS.ACT><INFO.CONSLEG CONSLEG.REF='2099R0123' START.DATE='20990501' LEG.VAL='REG' LG.DOC='EN'/><INFO.PROD/>
<FAM.COMP><BIB.DATA><NO.CELEX>32099R0123</NO.CELEX>{_TITLE}</BIB.DATA><GR.MOD.ACT><MOD.ACT>{_TITLE}</MOD.ACT>
</GR.MOD.ACT></FAM.COMP><CONS.DOC>{_TITLE}{_RECITALS}<?CLG.MDFO ID='1' IDREF='2' ACTION='DELETED'?><P>Gone.</P>
<?CLG.MDFC ID='2'?>{_ARTICLES}<CONS.ANNEX><TITLE><TI><P>ANNEX</P></TI></TITLE><CONTENTS><GR.SEQ LEVEL='1'>
<TITLE><TI><NP><NO.P>1.</NO.P><TXT>Part</TXT></NP></TI></TITLE><P>Text.</P></GR.SEQ></CONTENTS></CONS.ANNEX>
</CONS.DOC></CONS.ACT>
"""
_JUDGMENT = """
<JUDGMENT><BIB.JUDGMENT><NO.CELEX>62099CJ0001</NO.CELEX></BIB.JUDGMENT><CURR.TITLE><PAGE.HEADER>
<P>Case C-1/99</P></PAGE.HEADER></CURR.TITLE><TITLE><TI><P>JUDGMENT</P></TI></TITLE><PARTIES><PLAINTIFS><P>A</P>
</PLAINTIFS><AGAINST>v</AGAINST><DEFENDANTS><P>B</P></DEFENDANTS></PARTIES><CONTENTS.JUDGMENT><GR.SEQ LEVEL='1'>
<NP.ECR IDENTIFIER='NP0001'><NO.P>1</NO.P><TXT>A point on <REF.NP.ECR IDREF='NP0001'>1</REF.NP.ECR>.</TXT>
</NP.ECR></GR.SEQ><JURISDICTION><INTRO>On those grounds,</INTRO><LIST TYPE='ARAB'><ITEM><NP><NO.P>1.</NO.P>
<TXT>Dismisses.</TXT></NP></ITEM></LIST></JURISDICTION></CONTENTS.JUDGMENT></JUDGMENT>
"""
_CORRIGENDUM = """
<CORR><BIB.INSTANCE><LG.DOC>EN</LG.DOC></BIB.INSTANCE><TITLE><TI><P>Corrigendum to Regulation (EU) 2099/123</P>
</TI></TITLE><CONTENTS.CORR><DESCRIPTION><P>On page 1:</P></DESCRIPTION><OLD.CORR><P>for</P></OLD.CORR>
<NEW.CORR><P>read</P></NEW.CORR></CONTENTS.CORR></CORR>
"""
_ACT = f"<ACT><BIB.INSTANCE><LG.DOC>EN</LG.DOC>{_NUMBER}</BIB.INSTANCE>{_TITLE}{_RECITALS}{_ARTICLES}</ACT>"
_ANNEX = f"<ANNEX><BIB.INSTANCE/><TITLE><TI><P>ANNEX</P></TI></TITLE><CONTENTS>{_TABLE}<P>Text.</P></CONTENTS></ANNEX>"
_DESCRIPTION = description("a.xml", "b.xml").decode().split("?>", 1)[1]

# as in genuine files, no white space between elements
SEEDS = tuple(seed.replace("\n", "") for seed in (_ACT, _CONSOLIDATED, _JUDGMENT, _CORRIGENDUM, _ANNEX, _DESCRIPTION))

TAGS = sorted(
    {
        *rules.START,
        *rules.END,
        *TEXT_ROOTS,
        *DESCRIPTION_ROOTS,
        *METADATA,
        *INLINE,
        *LABELS,
        "DOC",
        "PUBLICATION",
        "X",
        "é",
        "A-b.c_1",
        "xml",
    }
    | {element.tag for seed in SEEDS for element in etree.fromstring(seed).iter(etree.Element)}
)
ATTRIBUTES = sorted(
    {name for seed in SEEDS for element in etree.fromstring(seed).iter(etree.Element) for name in element.attrib}
    | {"ACTION", "IDREF", "FILE", "ISO", "LG.DOC", "NUMBERING", "MARKER", "BOX"}
)
_VALUES = (
    " 0 -1 1 2 99 1.5 NaN ² é <&>\"' a.xml ../a.xml E1 Q1 0027 NUMBER DECIMAL ALPHA DASH NONE HEADER OUTLINE ITALIC SUP"
    " SUB 20990000 R(01) IS"
)
VALUES = st.sampled_from([*_VALUES.split(" "), "9" * 30, "\n"]) | st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8
)
_TEXTS = (
    "| |\t\n|3500|-1,5|(a)|1.|Article 5|of Regulation (EU) 2099/124|—|»|\u00a0|\u200b|Directive 95/46/EC|[1]|(2)|\u0085"
    "|\u2028|\u202f|\ue000|\ufeff|\x7f|\x93|🌧"
)
TEXTS = st.sampled_from([*_TEXTS.split("|"), "á" * 300]) | st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="<"), max_size=12
)
INSTRUCTIONS = st.sampled_from(
    [f"{target} {'ID' if end else 'IDREF'}=\"{mark}\" {action}" for target, end in (("CLG.MDFO", 0), ("CLG.MDFC", 1))
     for mark in ("1", "2", "") for action in ('ACTION="DELETED"', 'ACTION="REPEALED"', "")]
    + ["PAGE NO='1'", "COL.PAGE", "CLG.MDFO", "CLG.MDFC", "x <P>", "CLG.MDFO IDREF='1' ACTION='DELETED'"]
)  # fmt: skip
PLACES = st.integers(0, 10_000)
CHANGES = st.one_of(
    st.tuples(st.sampled_from(["drop", "unwrap", "empty"]), PLACES),
    st.tuples(st.sampled_from(["copy", "move", "swap"]), PLACES, PLACES),
    st.tuples(st.sampled_from(["rename", "wrap"]), PLACES, st.sampled_from(TAGS)),
    st.tuples(st.just("attribute"), PLACES, st.sampled_from(ATTRIBUTES), VALUES),
    st.tuples(st.sampled_from(["text", "tail"]), PLACES, TEXTS),
    st.tuples(st.sampled_from(["instruction", "comment"]), PLACES, INSTRUCTIONS),
    st.tuples(st.just("deepen"), PLACES, st.sampled_from(TAGS), st.sampled_from([3, 60, 900])),
)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@st.composite
def changed_files(draw: st.DrawFn) -> bytes:
    """One invented file with a few changes of its structure."""
    root = etree.fromstring(draw(st.sampled_from(SEEDS)))
    for change, place, *values in draw(st.lists(CHANGES, max_size=12)):
        elements = list(root.iter(etree.Element))
        _change(change, elements[place % len(elements)], elements, values)
    return bytes(etree.tostring(root, encoding="UTF-8"))


def _change(change: str, node: Any, elements: list[Any], values: list[Any]) -> None:
    parent = node.getparent()
    if change in ("drop", "unwrap", "move", "swap", "copy", "wrap", "tail") and parent is None:
        return
    if change == "drop":
        parent.remove(node)
    elif change == "empty":
        node[:] = []
        node.text = None
    elif change == "unwrap":
        parent[parent.index(node) : parent.index(node) + 1] = list(node)
    elif change in ("copy", "move", "swap"):
        other = elements[values[0] % len(elements)]
        if change == "copy":
            parent.insert(parent.index(node), copy.deepcopy(other))
        elif change == "move" and node not in other.iterancestors() and other is not node:
            other.append(node)
        elif change == "swap" and other.getparent() is parent and other is not node:
            parent.insert(parent.index(other), node)
    elif change == "rename":
        node.tag = values[0]
    elif change in ("wrap", "deepen"):
        for _ in range(values[1] if change == "deepen" else 1):
            inner = etree.Element(node.tag if change == "wrap" else values[0])
            inner.text, node.text = node.text, None
            inner[:] = list(node)
            node.append(inner)
        node.tag = values[0] if change == "wrap" else node.tag
    elif change == "attribute":
        node.set(values[0], values[1])
    elif change == "text":
        node.text = _NOT_XML.sub("", values[0])
    elif change == "tail":
        node.tail = _NOT_XML.sub("", values[0])
    elif change == "instruction":
        target, _, content = values[0].partition(" ")
        node.insert(0, etree.ProcessingInstruction(target, content))
    elif change == "comment":
        node.insert(0, etree.Comment(values[0]))


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """``data`` with bytes cut off, changed, put in, taken out or repeated."""
    kinds = st.sampled_from(["cut", "set", "insert", "delete", "repeat"])
    for kind in draw(st.lists(kinds, min_size=1, max_size=4)):
        at = draw(st.integers(0, len(data)))
        some = draw(st.binary(min_size=1, max_size=6))
        length = draw(st.integers(1, 200))
        if kind == "cut":
            data = data[:at]
        elif kind == "set":
            data = data[:at] + some + data[at + len(some) :]
        elif kind == "insert":
            data = data[:at] + some + data[at:]
        elif kind == "delete":
            data = data[:at] + data[at + length :]
        else:
            data = data[: at + length] + data[at:]
    return data


_UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")
_MARKUP = re.compile(r"<[/?!A-Za-z]|CLG\.MDF")


def check(path: Path) -> list[LegalDocument | Rejected]:
    """Read ``path`` twice and check what holds for every input; return what came out."""
    with mock.patch.object(workers, "_unexpected", _raise):  # what no rule foresees is a fault to be mended
        outcomes, again = _read(path), _read(path)
    assert outcomes == again
    for outcome in outcomes:
        if isinstance(outcome, Rejected):
            assert outcome.source.encode() and outcome.reason.encode()
            continue
        assert isinstance(outcome, LegalDocument)
        value = outcome.to_dict()
        assert LegalDocument.from_dict(json.loads(json.dumps(value, ensure_ascii=False).encode())) == outcome
        del value["source"], value["warnings"]
        for text in _strings(value):
            assert not _UNPRINTABLE.search(text), repr(text)
            assert not _MARKUP.search(text), repr(text)
    return outcomes


def _read(path: Path) -> list[LegalDocument | Rejected]:
    outcomes = []
    try:
        for outcome in read_documents([path]):
            outcomes.append(outcome)
    except RecipeError as error:
        assert "no FORMEX document could be read" in str(error)
    return outcomes


def _raise(error: Exception) -> str:
    raise error


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
