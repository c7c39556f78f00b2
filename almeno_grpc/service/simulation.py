"""The simulation of a policy on the whole book."""

from collections.abc import Iterator, Sequence
from datetime import date

from almeno_grpc.clock import Clock
from almeno_grpc.domain.policy import Policy, policy_in_effect, policy_of_version
from almeno_grpc.domain.simulation import Flip, LoanTerms, Simulation, SimulationSummary
from almeno_grpc.service.borrower_scan import ScanProgress, scan_borrowers
from almeno_grpc.service.store import Store


class SimulationService:
    """Decides one loan request for every customer under two policies. Reads only."""

    def __init__(self, store: Store, policies: Sequence[Policy], clock: Clock) -> None:
        self._store = store
        self._policies = policies
        self._clock = clock

    def today(self) -> date:
        """The business date."""
        return self._clock.today()

    def simulate(
        self, terms: LoanTerms, candidate: Policy | str, against_version: str
    ) -> Iterator[ScanProgress | SimulationSummary | Flip]:
        """Yields the progress, several times; then the summary; then each flip.

        Args:
            terms: The terms that every customer asks for.
            candidate: The policy to try: a draft, or a version of the service's.
            against_version: The version to compare with; the one in effect when empty.

        Raises:
            PolicyNotFound: No policy has one of the versions.
            NoPolicyInEffect: No policy has taken effect by the business date.
        """
        today = self._clock.today()
        after = candidate if isinstance(candidate, Policy) else policy_of_version(self._policies, candidate)
        before = (
            policy_of_version(self._policies, against_version)
            if against_version
            else policy_in_effect(self._policies, today)
        )
        simulation = Simulation(terms, before, after, today)
        yield from scan_borrowers(self._store, today, simulation.add)
        yield simulation.summary()
        yield from simulation.flips()
