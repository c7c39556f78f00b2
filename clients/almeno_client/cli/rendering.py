"""Rendering of customers for the terminal, and what all of it shares."""

import re
from collections.abc import Iterable
from decimal import Decimal

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from almeno_client.cli.instants import local_time
from almeno_client.cli.list_table import ListTable
from almeno_client.decision_records import AssetClass, CreditPosition
from almeno_client.formatting import asset_class_in_words, humanized, printable, rupees
from almeno_client.records import Customer, CustomerChange

_AMOUNTS = {"monthly_income", "approved_limit", "loan_amount", "monthly_installment", "outstanding_principal"}
_AMOUNT = re.compile(r"[0-9]{1,18}\.[0-9]{2}", re.ASCII)


def key_value_table(rows: Iterable[tuple[str, RenderableType]]) -> Table:
    """A table of two columns: names, values."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, value in rows:
        table.add_row(name, value)
    return table


def titled_panel(title: str, *parts: RenderableType) -> Panel:
    """Parts under one title, in a frame."""
    return Panel(Group(*parts), title=Text(title, "bold"), title_align="left", box=box.ROUNDED, padding=(0, 1))


def customer_panel(customer: Customer) -> Panel:
    """One customer in full."""
    return titled_panel(
        f"Customer {customer.customer_id}",
        key_value_table(
            [
                ("Name", customer_name(customer, "bold")),
                ("Age", str(customer.age)),
                ("Phone", customer_phone(customer)),
                ("Income a month", rupees(customer.monthly_income)),
                ("Approved limit", rupees(customer.approved_limit)),
                ("In the book since", local_time(customer.create_time)),
            ]
        ),
    )


def customer_name(customer: Customer, style: str = "") -> Text:
    """The name of a customer, or that it is left out."""
    if customer.redacted:
        return Text("redacted", "dim")
    return Text(printable(f"{customer.first_name} {customer.last_name}"), style)


def customer_phone(customer: Customer) -> Text:
    """The phone number of a customer, or the last digits of it where it is left out."""
    return Text(printable(f"…{customer.phone_hint}" if customer.redacted else customer.phone_number))


def position_panel(position: CreditPosition) -> Panel:
    """The credit position of a customer."""
    return titled_panel(
        "Position",
        key_value_table(
            [
                ("Loans", f"{position.loan_count} in all, {position.active_loan_count} active"),
                ("Taken this year", str(position.loans_this_year)),
                ("Borrowed in all", rupees(position.approved_volume)),
                ("Owed now", rupees(position.current_debt)),
                ("Left of the limit", rupees(position.available_limit)),
                ("Instalments a month", rupees(position.monthly_obligation)),
                ("Paid on time", f"{position.emis_paid_on_time} of {position.emis_due} instalments due"),
                ("Past due", _arrears(position)),
            ]
        ),
    )


def _arrears(position: CreditPosition) -> Text:
    """Days past due and asset class of a customer."""
    days = f"{position.days_past_due} {'day' if position.days_past_due == 1 else 'days'}"
    in_order = position.asset_class in {AssetClass.STANDARD, AssetClass.UNSPECIFIED}
    return Text(f"{days}, asset class {asset_class_in_words(position.asset_class)}", "" if in_order else "bold red")


def customers_table(customers: Iterable[Customer]) -> ListTable:
    """Many customers, one a row."""
    table = ListTable(
        "Customer", "Name", "Age", "Phone", "Income a month", "Approved limit",
        right=("Customer", "Age", "Income a month", "Approved limit"), whole=("Phone",),
    )  # fmt: skip
    for customer in customers:
        table.add_row(
            str(customer.customer_id),
            customer_name(customer),
            str(customer.age),
            customer_phone(customer),
            rupees(customer.monthly_income),
            rupees(customer.approved_limit),
        )
    return table


def changes_table(changes: Iterable[CustomerChange]) -> ListTable:
    """Changes of a customer and of the customer's loans, one a row. The id of an import has no room beside them."""
    table = ListTable(
        "No.", "When", "Loan", "What", "Was", "Became", "By",
        right=("No.", "Loan", "Was", "Became"), whole=("When",), spare=("By", "When"),
    )  # fmt: skip
    for change in changes:
        source = f"row {change.row_number} of a file" if change.import_id else change.reason
        asked_on = f"asked for on {change.customer_request_date}" if change.customer_request_date else ""
        table.add_row(
            str(change.number),
            local_time(change.change_time),
            "" if change.loan_id is None else str(change.loan_id),
            Text(printable(humanized(change.field))),
            _changed_value(change, change.old_value),
            _changed_value(change, change.new_value),
            Text(printable(", ".join(filter(None, (change.principal, source, asked_on))))),
        )
    return table


def _changed_value(change: CustomerChange, value: str) -> Text:
    """A value before or after a change; an amount in the grouping that amounts have elsewhere."""
    if change.redacted:
        return Text("not shown")
    is_amount = change.field in _AMOUNTS and _AMOUNT.fullmatch(value)
    return Text(rupees(Decimal(value)) if is_amount else printable(value))


def show_list(console: Console, table: ListTable, *, nothing: str, more: bool) -> None:
    """Prints a list, or that it is empty, and whether there are more rows."""
    if not table.rows:
        console.print(Text(nothing, "dim"))
        return
    console.print(table)
    if more:
        console.print(Text("There are more; --limit 0 shows all.", "dim"))
