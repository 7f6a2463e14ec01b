"""What a budget is, and how often so many tokens read the text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from preprocessing.errors import UsageError
from tools.plan.amounts import LARGEST, amount, whole

_BUDGET = re.compile(r"((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)\s*(h|hours?|d|days?|eur|€|usd|\$)", re.IGNORECASE)
_HOURS = {"h": 1.0, "hour": 1.0, "hours": 1.0, "d": 24.0, "day": 24.0, "days": 24.0}

#: Passes over the same text that cost next to nothing against as much new text: Muennighoff et al., "Scaling
#: Data-Constrained Language Models" (arXiv 2305.16264), on models trained from nothing; for this it is a guide.
FREE_EPOCHS = 4
#: Tokens that published continued pre-training on law and filings saw.
PRECEDENTS = {
    "Llama-3-SEC 70B (arXiv 2406.14971)": 20e9,
    "SaulLM-7B (arXiv 2403.03883)": 30e9,
    "SaulLM-54B and -141B (arXiv 2407.19584)": 540e9,
}


@dataclass(frozen=True)
class Budget:
    """Hours of all GPUs, or money; one of the two is None."""

    hours: float | None = None
    money: float | None = None

    def seconds(self, gpus: int, price: float | None) -> float:
        """Return how long so many GPUs may run at ``price`` a GPU and hour.

        Raises:
            UsageError: it is money, and there is no price.
        """
        if self.hours is not None:
            return self.hours * 3600
        if price is None:
            raise UsageError("a budget in money needs --price-per-gpu-hour")
        assert self.money is not None
        return self.money / (amount(price, "a price") * gpus) * 3600


def parse_budget(text: str) -> Budget:
    """Read ``24h``, ``2.5d``, ``2000eur`` or ``2,000$``.

    Raises:
        UsageError: it is none of these, nothing, or no number.
    """
    found = _BUDGET.fullmatch(text.strip())
    number = float(found.group(1).replace(",", "")) if found else 0.0
    if not found or not 0 < number <= LARGEST:
        shown = text if len(text) <= 40 else f"{text[:40]}..."
        raise UsageError(f"a budget can't be '{shown}'; write hours or money: 24h, 2.5d, 2000eur")
    hours = _HOURS.get(found.group(2).lower())
    return Budget(hours=number * hours) if hours else Budget(money=number)


@dataclass(frozen=True)
class Texts:
    """Tokens of a corpus and the share of training that each text gets, by language (and ``replay``)."""

    tokens: dict[str, int]
    shares: dict[str, float]

    def epochs(self, seen: float) -> dict[str, float]:
        """Passes over each text when training sees so many tokens."""
        return {name: seen * self.shares[name] / count for name, count in self.tokens.items()}

    def most_seen(self, epochs: float = FREE_EPOCHS) -> float:
        """Tokens that training sees until some text has been read so many times."""
        return min(epochs * count / self.shares[name] for name, count in self.tokens.items())


def read_texts(corpus: Path, stage: str) -> Texts | None:
    """Return what ``stage`` reads of a corpus, from the report of ``preprocess``; None for SFT, which reads chats.

    Raises:
        UsageError: there is no report, or it is none of ``preprocess``.
    """
    if stage == "sft":
        return None
    path = corpus / "report.json" if corpus.is_dir() else corpus
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        run = report["runs"][stage]
        rows = {code: row["tokens"][run["dataset"]] for code, row in report["languages"].items()}
        if report.get("replay"):
            rows["replay"] = report["replay"]["tokens"]
        shares = {name: amount(values["share"], f"the share of {name}") for name, values in run["epochs"].items()}
        tokens = {name: whole(rows[name], f"the number of tokens of {name}") for name in shares}
    except FileNotFoundError:
        raise UsageError(f"no report of a corpus at {path}; make it with: python launch.py preprocess") from None
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    except KeyError as error:
        raise UsageError(f"{path} is no report of `preprocess`: it lacks {error}") from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{path} is no report of `preprocess`: {error}") from error
    except UsageError as error:
        raise UsageError(f"{path} is no report of `preprocess`: {error}") from None
    if not shares:
        raise UsageError(f"{path} names no text that {stage} reads: the corpus is empty")
    if max(shares.values()) > 1:
        raise UsageError(f"{path} is no report of `preprocess`: a text's share can't be above 1")
    return Texts(tokens, shares)
