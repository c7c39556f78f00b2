"""Decisions, repayments and reversals of chosen instants, and what a summary has to make of them."""

from collections import Counter, defaultdict
from datetime import date

from sqlalchemy import insert, select

from almeno_grpc.clock import Clock
from almeno_grpc.domain.decision import DecisionReason
from almeno_grpc.domain.portfolio import DecisionGroup, RepaymentGroup
from almeno_grpc.service.identifiers import new_identifier
from almeno_grpc.storage.store import SqlStore
from almeno_grpc.storage.tables import decision, repayment, repayment_reversal

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


class ClockAt(Clock):
    """A clock that is set."""

    def __init__(self, now_us: int) -> None:
        super().__init__(None, None)
        object.__setattr__(self, "now_us", now_us)

    def now_microseconds(self) -> int:
        return self.now_us


class DatedHistory:
    """What happens to loan 1 of customer 1, which are in the book."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.repayments = 0
        self.standing: list[int] = []
        """The numbers of the repayments that stand."""

    def _add(self, table, **values) -> None:
        with self.store.engine.begin() as connection:
            connection.execute(insert(table).values(**values))

    def decide(self, time_us: int, on: date, reasons: str = "") -> None:
        self._add(
            decision,
            decision_id=new_identifier(time_us),
            customer_id=1,
            business_date=on,
            policy_version="v",
            policy_sha256="s",
            approved=not reasons,
            credit_score=50,
            reasons=reasons,
            snapshot="{}",
            snapshot_sha256="h",
            create_time_us=time_us,
        )

    def repay(self, time_us: int, on: date, amount: int) -> int:
        self.repayments += 1
        self.standing.append(self.repayments)
        names = [f"{name}{when}" for name in ("emis_paid", "emis_paid_on_time") for when in ("_before", "")]
        names += ["paid_toward_next_before_paise", "paid_toward_next_paise"]
        names += ["outstanding_principal_before_paise", "outstanding_principal_paise"]
        self._add(
            repayment,
            customer_id=1,
            loan_id=1,
            number=self.repayments,
            repayment_id=new_identifier(time_us),
            amount_paise=amount,
            payment_date=on,
            closes_loan=False,
            create_time_us=time_us,
            **dict.fromkeys(names, 0),
        )
        return self.repayments

    def reverse(self, time_us: int, number: int) -> None:
        self.standing.remove(number)
        self._add(
            repayment_reversal,
            customer_id=1,
            loan_id=1,
            number=number,
            reversal_date=date(2026, 4, 10),
            reason="RETURNED",
            return_code="",
            create_time_us=time_us,
        )

    def decisions(self, on: date) -> set[DecisionGroup]:
        """The groups of all decisions in the book."""
        columns = decision.c.business_date, decision.c.reasons
        with self.store.engine.connect() as connection:
            counts = Counter(map(tuple, connection.execute(select(*columns))))
        return {
            DecisionGroup(day, tuple(map(DecisionReason, filter(None, reasons.split(",")))), count)
            for (day, reasons), count in counts.items()
            if day <= on
        }

    def repaid(self, on: date) -> set[RepaymentGroup]:
        """The groups of all repayments in the book that no reversal takes back."""
        columns = repayment.c.number, repayment.c.payment_date, repayment.c.amount_paise
        with self.store.engine.connect() as connection:
            reversed_ones = set(connection.scalars(select(repayment_reversal.c.number)))
            rows = connection.execute(select(*columns)).all()
        amounts: defaultdict[date, list[int]] = defaultdict(list)
        for number, day, amount in rows:
            if number not in reversed_ones and day <= on:
                amounts[day].append(amount)
        return {RepaymentGroup(day, len(found), sum(found)) for day, found in amounts.items()}
