"""``cite``: what a citation names, answered from the corpus.

python launch.py cite "Article 17 GDPR"
"""

from tools.cite.answer import Answer, CiteReport, cite

__all__ = ["Answer", "CiteReport", "cite"]
