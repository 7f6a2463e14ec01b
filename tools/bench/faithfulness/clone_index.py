"""The judge's index of documents that nobody looked at while building the reader: those of a cloned repository.

    python -m tools.bench.faithfulness.clone_index CLONE --known DEV/index.tsv --every 2

It writes ``CLONE/index.tsv``. The repository is laid out as ``works/CELEX/versions/DATE--HASH/LANGUAGE.fmx4/*.xml``,
with the official rendering ``LANGUAGE.html`` beside the folder, as github.com/SFHAJJI/lex-corpus-eu-eurlex is. What the
documents are comes from the names of their folders and the description inside each file. Works named in ``--known``
are left out, and so are documents without a rendering.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

_TYPES = {"R": "regulation", "L": "directive", "D": "decision"}
# A rendering has such paragraphs, that of an act repealed as a whole only empty ones; a page of a web site has none.
_PARAGRAPH, _WITH_TEXT = 'class="norm"', re.compile(r'class="norm"[^>]*>\s*[^\s<&]')


def rows(clone: Path, known: set[str]) -> Iterator[dict[str, str]]:
    """Yield what the judge has to know about each document of ``clone``, but for the CELEX numbers ``known``."""
    for path in sorted(clone.glob("works/*/versions/*/*.fmx4/*.xml")):
        version, language = path.parents[1], path.parent.name[:2]
        celex = version.parents[1].name.upper()
        day = version.name.partition("--")[0]
        rendering = version / f"{language}.html"
        if ".doc." in path.name or celex in known or not rendering.is_file():
            continue
        page = rendering.read_text(encoding="utf-8")
        if _PARAGRAPH not in page:
            continue
        yield {
            **_described(path),
            "id": str(path.relative_to(clone / "works")),
            "formex": str(path.relative_to(clone)),
            "annex_files": "",
            "doc_xml": str(path.with_suffix(".doc.xml").relative_to(clone)),
            "xhtml": str(rendering.relative_to(clone)),
            "xhtml_status": "ok" if _WITH_TEXT.search(page) else "header-only",
            "language": language,
            "celex": f"0{celex[1:]}-{day.replace('-', '')}",
            "doc_type": _TYPES.get(celex[5], ""),
            "date_cons": day,
        }


def _described(path: Path) -> dict[str, str]:
    """Return what the file of a consolidated act says about the act itself."""
    root = ElementTree.parse(path).getroot()
    family = ".//FAM.COMP/BIB.DATA"
    dates = {
        "date_act": f"{family}/DATE",
        "date_pub": f"{family}/BIB.INSTANCE.CONS/DATE",
        "date_title": "CONS.DOC/TITLE//DATE",  # a corrigendum may have changed it
    }
    found = {"root": root.tag, **dict.fromkeys(dates, "")}
    for column, where in dates.items():
        node = root.find(where)
        if node is not None:
            found[column] = re.sub(r"(\d{4})(\d\d)(\d\d)", r"\1-\2-\3", node.get("ISO", ""))
    return found


def main() -> int:
    """Write the index and say how many documents are in it."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("clone", type=Path)
    arguments.add_argument("--known", type=Path, help="an index whose works are left out")
    arguments.add_argument("--every", type=int, default=1, metavar="N", help="take every Nth document only")
    options = arguments.parse_args()

    known = set()
    if options.known:
        with options.known.open(encoding="utf-8") as stream:
            known = {row["work"] for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)}
    index = list(rows(options.clone, known))[:: options.every]
    if not index:
        print(f"no document with its rendering below {options.clone}/works", file=sys.stderr)
        return 1
    with (options.clone / "index.tsv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(index[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(index)
    print(f"{len(index)} documents of {len({row['celex'][:10] for row in index})} works: {options.clone}/index.tsv")
    return 0


if __name__ == "__main__":
    sys.exit(main())
