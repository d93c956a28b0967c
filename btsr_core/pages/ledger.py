"""The paper's claims, one by one, with what became of them in a dataset's records."""

import html
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

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
MARKS: Mapping[Verdict, str] = {
    "holds": "yes",
    "does not hold": "no",
    "cannot be told": "open",
    "not recorded": "none",
}
"""How a verdict looks: classes of the book's style sheet."""


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
        f"Barlow Twins raises {ACCURACY} with every objective",
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
    links = {page: f'<a href="{page}.html">{page}</a>' for page in pages}
    rows = [
        {
            "the paper claims": html.escape(one.claim),
            "verdict": f'<span class="verdict {MARKS[one.verdict]}">{one.verdict}</span>',
            "here": html.escape(one.ours) if one.is_recorded else NOTHING,
            "seeds": str(one.basis.seeds) if one.is_recorded else NOTHING,
            "the paper shows": html.escape(one.paper),
            "page": links.get(one.page, one.page),
        }
        for one in findings
    ]
    return as_text(pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1)))


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
