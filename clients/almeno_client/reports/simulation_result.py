"""The result of a simulation, collected for tables and plots."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from almeno_client.decision_records import OutsideCredit
from almeno_client.formatting import months, per_cent, rupees
from almeno_client.portfolio_records import SimulationFlip, SimulationSummary


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms that every customer applies for."""

    loan_amount: Decimal
    interest_rate: Decimal
    tenure_months: int
    outside: OutsideCredit | None = None

    def __str__(self) -> str:
        amount = rupees(self.loan_amount).removesuffix(".00")
        terms = f"{amount} over {months(self.tenure_months)} at {per_cent(self.interest_rate)} a year"
        return terms if self.outside is None else f"{terms}, {_in_words(self.outside)}"


@dataclass(frozen=True, slots=True)
class ScorePair:
    """The scores of a customer whose answer flips, None where a policy gives no decision, and which way it flips."""

    before: int | None
    after: int | None
    newly_approved: bool


@dataclass(frozen=True, slots=True)
class Simulation:
    """A simulation that has ended.

    Attributes:
        terms: The requested terms.
        summary: The results of the two policies.
        flips: The first customers whose outcome changes.
        flips_by_scores: How many customers flip, all of them, by their scores.
    """

    terms: Terms
    summary: SimulationSummary
    flips: tuple[SimulationFlip, ...]
    flips_by_scores: Counter[ScorePair]

    @property
    def more_flips(self) -> bool:
        """Whether there are more than the first."""
        return self.flips_by_scores.total() > len(self.flips)


def collect_results(
    terms: Terms,
    results: Iterable[SimulationSummary | SimulationFlip],
    *,
    max_flips: int,
    keep: Callable[[SimulationFlip], object] = lambda _: None,
) -> Simulation:
    """Collects the updates of a simulation.

    Args:
        terms: The requested terms.
        results: The summary, and after it the flips.
        max_flips: Keep the first so many flips, all if 0.
        keep: Takes every flip, as it comes.

    Raises:
        ValueError: There is no summary.
    """
    summary: SimulationSummary | None = None
    flips: list[SimulationFlip] = []
    by_scores: Counter[ScorePair] = Counter()
    for result in results:
        if isinstance(result, SimulationSummary):
            summary = result
            continue
        if not max_flips or len(flips) < max_flips:
            flips.append(result)
        by_scores[_scores_of(result)] += 1
        keep(result)
    if summary is None:
        raise ValueError("the simulation has brought no summary")
    return Simulation(terms, summary, tuple(flips), by_scores)


def _in_words(outside: OutsideCredit) -> str:
    owed = rupees(Decimal(outside.monthly_obligations)).removesuffix(".00")
    score = "" if outside.bureau_score is None else f", bureau score {outside.bureau_score}"
    report = "" if outside.report_date is None else f", bureau report of {outside.report_date}"
    return f"{owed} a month owed elsewhere{score}{report}"


def _scores_of(flip: SimulationFlip) -> ScorePair:
    return ScorePair(
        flip.before.credit_score if flip.before else None,
        flip.after.credit_score if flip.after else None,
        newly_approved=flip.after is not None and flip.after.approved,
    )
