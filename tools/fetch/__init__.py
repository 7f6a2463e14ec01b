"""FORMEX from the Publications Office of the EU: by CELEX number, by query, by year of the Official Journal.

selection.py    what is wanted: numbers given, or queries over a time, cut into years
sparql.py       what there is: the queries asked page by page
client.py       how it is asked for: patiently, politely, once more where that helps
download.py     one document: asked for, checked, put in place
store.py        the folder: files, what became of every document, checksums
run.py          all of it together
import_dump.py  archives of the data dump, downloaded by hand: checked, put in the same place
"""
