"""The paper's claims, one by one, with what became of them in a dataset's records."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import pandas as pd
from pandas.io.formats.style import Styler

from btsr_core.pages.claims import Finding, Verdict, above, basis_of, every
from btsr_core.pages.comparisons import compare_all, own_pairs
from btsr_core.pages.dial_claims import alpha_claims, tail_claims, view_claim
from btsr_core.pages.report import as_text
from btsr_core.pages.results import systems
from btsr_core.pages.score_claims import score_findings
from btsr_core.pages.words import NOTHING, bounds, count, joined, signed
from btsr_core.study.run import Standing

ACCURACY = "ndcg@10"
TABLE = "table"
"""Part of the study with the systems of Tables 1 and 2."""
MARKS: Mapping[Verdict, str] = {
    "holds": "yes",
    "does not hold": "no",
    "cannot be told": "open",
    "not recorded": "none",
}
"""How a verdict looks: classes of the book's style sheet."""
SHORT: Mapping[Verdict, str] = {
    "holds": "holds",
    "does not hold": "not",
    "cannot be told": "open",
    "not recorded": "none",
}
"""What a verdict is called where many stand side by side."""


def ledger(place: Standing, reading: str) -> list[Finding]:
    """Return every claim of the paper's section 5 that records can speak of.

    Parameters
    ----------
    place
        Records of a dataset; what is not recorded leaves its claims open.
    reading
        Of the test pool, for lists; scores and embeddings are those of the full history.
    """
    return [
        accuracy_claim(place, reading),
        *alpha_claims(place, reading),
        *tail_claims(place, reading),
        view_claim(place, reading),
        *score_findings(place),
    ]


def ledgers(places: Iterable[Standing], reading: str) -> dict[str, list[Finding]]:
    """Return the findings of every dataset for which the study plans a table, and has records."""
    return {
        place.dataset: ledger(place, reading)
        for place in places
        if place.records and any(one.part == TABLE for one in place.study.of(place.dataset))
    }


def accuracy_claim(place: Standing, reading: str) -> Finding:
    """Judge that Barlow Twins raises ndcg@10 with every objective (Table 1)."""
    found = systems(place)
    pairs = [pair for pair in own_pairs().items() if {*pair} <= found.keys()]
    tested = compare_all(place, found, pairs, ACCURACY, reading)
    told = "; ".join(
        f"{one.first} less {one.second} {signed(one.difference)} ({bounds(one.interval)})"
        for one in tested
    )
    return Finding(
        f"Barlow Twins raises {ACCURACY} with every objective that is recorded",
        "Table 1: higher in all 15 pairs of dataset and objective",
        told,
        every([(one.interval, above) for one in tested]),
        "accuracy",
        basis_of(place, reading, min((one.seeds for one in tested), default=0)),
    )


def ledger_table(findings: Sequence[Finding], pages: Collection[str]) -> Styler:
    """Return the findings as a table for display.

    Parameters
    ----------
    pages
        Names of the chapters that stand beside the one that shows the table: they become links.
    """
    rows = [
        {
            "the paper claims": one.claim,
            "verdict": one.verdict,
            "here": one.ours if one.is_recorded else NOTHING,
            "seeds": str(one.basis.seeds) if one.is_recorded else NOTHING,
            "the paper shows": one.paper,
            "page": one.page,
        }
        for one in findings
    ]
    table = pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1))

    def link(page: object) -> str:
        return f'<a href="{page}.html">{page}</a>' if page in pages else str(page)

    return as_text(table, {"verdict": _chip, "page": link} if rows else {})


def _chip(text: object) -> str:
    """Return a verdict, whichever of its names is given, with its mark, in HTML."""
    name = str(text)
    for verdict, mark in MARKS.items():
        if name in (verdict, SHORT[verdict]):
            return f'<span class="verdict {mark}">{name}</span>'
    return name


def verdict_table(ledgers: Mapping[str, Sequence[Finding]]) -> Styler:
    """Return the verdicts of several datasets side by side, a row a claim, for display.

    Parameters
    ----------
    ledgers
        Findings by dataset. A claim that a dataset's records do not speak of has a dash there.
    """
    rows: dict[str, dict[str, str]] = {}
    for dataset, findings in ledgers.items():
        for one in findings:
            row = rows.setdefault(one.claim, dict.fromkeys(ledgers, NOTHING))
            row[dataset] = SHORT[one.verdict] if one.is_recorded else NOTHING
    claims = {"the paper claims": list(rows)}
    verdicts = {dataset: [row[dataset] for row in rows.values()] for dataset in ledgers}
    table = pd.DataFrame(claims | verdicts, index=pd.RangeIndex(1, len(rows) + 1))
    return as_text(table, dict.fromkeys(verdicts, _chip))


def verdicts_sentence(ledgers: Mapping[str, Sequence[Finding]]) -> str:
    """Count the verdicts of several datasets, and say on which datasets they fell."""
    told = {
        dataset: Counter(one.verdict for one in findings) for dataset, findings in ledgers.items()
    }

    def where(verdict: Verdict) -> str:
        places = [f"{n} on {dataset}" for dataset, own in told.items() if (n := own[verdict])]
        return f" ({joined(places)})" if places else ""

    totals = sum(told.values(), Counter[Verdict]())
    n = totals.total() - totals["not recorded"]
    said = (
        f"{totals['holds']} say that a claim holds{where('holds')}",
        f"{totals['does not hold']} that it does not{where('does not hold')}",
        f"{totals['cannot be told']} that these data cannot tell",
    )
    return f"Of {count(n, 'verdict')} on {count(len(ledgers), 'dataset')}, {'; '.join(said)}."


def ledger_sentence(findings: Sequence[Finding], dataset: str) -> str:
    """Count the verdicts."""
    verdicts = Counter(one.verdict for one in findings)
    said = (
        f"{verdicts['holds']} hold{'s' * (verdicts['holds'] == 1)}",
        f"{verdicts['does not hold']} do{'es' * (verdicts['does not hold'] == 1)} not",
        f"{verdicts['cannot be told']} cannot be told from what is recorded",
        *([f"of {verdicts['not recorded']} no run is recorded"] * ("not recorded" in verdicts)),
    )
    return f"Of the {count(len(findings), 'claim')} examined on {dataset}, {joined(said)}."
