"""The page of key facts."""

from almeno_client.formatting import months, per_cent, rupees
from almeno_client.key_facts_records import KeyFacts
from almeno_client.reports import key_facts_tables as tables
from almeno_client.reports.page import Section, Tile, page
from almeno_client.reports.tables import TextTable


def key_facts_page(facts: KeyFacts) -> str:
    """Writes the page: what the loan costs, what it may cost, and its schedule."""
    subtitle = (
        f"{rupees(facts.loan_amount)} over {months(facts.tenure_months)} at {per_cent(facts.interest_rate)} a year, as "
        "approved"
    )
    return page(tables.title(facts), subtitle, _tiles(facts), [_costs(facts), _schedule(facts)])


def _tiles(facts: KeyFacts) -> list[Tile]:
    fees = facts.processing_fee + facts.gst
    return [
        Tile("Annual percentage rate", f"{facts.apr} %", f"{per_cent(facts.interest_rate)} interest"),
        Tile("Net amount disbursed", rupees(facts.net_disbursed), f"{rupees(fees)} of fees kept back"),
        Tile("Instalment a month", rupees(facts.monthly_installment), months(facts.tenure_months)),
        Tile("To pay in all", rupees(facts.total_to_pay), f"{rupees(facts.total_interest)} of interest"),
    ]


def _costs(facts: KeyFacts) -> Section:
    lead = (
        "The annual percentage rate is twelve times the monthly internal rate of return on the net amount disbursed, "
        "not compounded."
    )
    costs = TextTable("The loan", ("Fact", "Value"), tables.loan_rows(facts))
    conditions = TextTable(
        "Contingent charges and conditions", ("Fact", "Value"), tables.condition_rows(facts), text_columns=("Value",)
    )
    return Section("What the loan costs", lead, None, (costs, conditions))


def _schedule(facts: KeyFacts) -> Section:
    lead = "Each instalment pays its interest first, and then principal."
    return Section("What is paid when", lead, None, (tables.schedule_table(facts),))
