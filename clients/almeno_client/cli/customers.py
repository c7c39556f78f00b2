"""Commands on customers: register, update, limit, customer, customers, find, changes."""

from typing import Annotated

import typer

from almeno_client.cli.options import (
    AsJson,
    CustomerId,
    Limit,
    RequestId,
    first,
    page_size_for,
    read_date,
    read_rupees,
)
from almeno_client.cli.rendering import changes_table, customer_panel, customers_table, position_panel, show_list
from almeno_client.cli.session import Session, new_console, session_of
from almeno_client.records import Customer, CustomerChange


def register(
    context: typer.Context,
    first_name: Annotated[str, typer.Option("--first-name", metavar="NAME", help="Given name.")],
    last_name: Annotated[str, typer.Option("--last-name", metavar="NAME", help="Family name.")],
    age: Annotated[int, typer.Option("--age", metavar="YEARS", help="Age in completed years, from 18.")],
    income: Annotated[
        str, typer.Option("--income", metavar="RUPEES", help="Income a month: 50000, 50,000, ₹50,000 or 50k.")
    ],
    phone: Annotated[
        str, typer.Option("--phone", metavar="NUMBER", help="Phone number; without a country code, an Indian one.")
    ],
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    r"""Register a customer; the credit limit follows from the income.

    Examples:
      almeno register --first-name Asha --last-name Rao --age 34 \
          --income 50k --phone 9629317944
    """
    session = session_of(context, as_json)
    monthly_income = read_rupees("--income", income)
    with session.connected() as client:
        customer = client.register_customer(
            first_name=first_name,
            last_name=last_name,
            age=age,
            monthly_income=monthly_income,
            phone_number=phone,
            request_id=request_id,
        )
    _show(session, customer)


def update(
    context: typer.Context,
    customer_id: CustomerId,
    first_name: Annotated[str | None, typer.Option("--first-name", metavar="NAME", help="Given name.")] = None,
    last_name: Annotated[str | None, typer.Option("--last-name", metavar="NAME", help="Family name.")] = None,
    age: Annotated[int | None, typer.Option("--age", metavar="YEARS", help="Age in completed years, from 18.")] = None,
    income: Annotated[
        str | None, typer.Option("--income", metavar="RUPEES", help="Income a month: 50000, 50,000, ₹50,000 or 50k.")
    ] = None,
    phone: Annotated[
        str | None,
        typer.Option("--phone", metavar="NUMBER", help="Phone number; without a country code, an Indian one."),
    ] = None,
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given of a customer; the credit limit stays. Files that are loaded later leave it alone.

    Examples:
      almeno update 100002 --age 61
      almeno update 100002 --income 1.2L --phone '+91 96293 17944'
    """
    session = session_of(context, as_json)
    monthly_income = None if income is None else read_rupees("--income", income)
    with session.connected() as client:
        customer = client.update_customer(
            customer_id,
            first_name=first_name,
            last_name=last_name,
            age=age,
            monthly_income=monthly_income,
            phone_number=phone,
            request_id=request_id,
        )
    _show(session, customer)


def limit(
    context: typer.Context,
    customer_id: CustomerId,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, in at most 200 characters.")],
    to: Annotated[
        str | None, typer.Option("--to", metavar="RUPEES", help="The limit from now on: 500000, 5,00,000 or 5L.")
    ] = None,
    recalculate: Annotated[
        bool, typer.Option("--recalculate", help="In the place of --to: 36 months' income, to the nearest lakh.")
    ] = False,
    requested_on: Annotated[
        str | None,
        typer.Option(
            "--requested-on", metavar="YYYY-MM-DD", help="The day the customer asked for it; a raise needs one."
        ),
    ] = None,
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    """Set the credit limit of a customer: lower at any time, higher at the customer's request alone.

    Examples:
      almeno limit 100002 --to 12L --reason Review --requested-on 2026-01-15
      almeno limit 100002 --recalculate --reason 'Income has fallen'
    """
    session = session_of(context, as_json)
    if (to is None) != recalculate:
        raise typer.BadParameter("one of the two is needed", param_hint="'--to' / '--recalculate'")
    approved_limit = None if to is None else read_rupees("--to", to)
    request_date = None if requested_on is None else read_date("--requested-on", requested_on)
    with session.connected() as client:
        customer = client.set_approved_limit(
            customer_id, approved_limit, reason=reason, customer_request_date=request_date, request_id=request_id
        )
    _show(session, customer)


def _show(session: Session, customer: Customer) -> None:
    if session.as_json:
        session.show_json(customer=customer)
    else:
        new_console().print(customer_panel(customer))


def customer(context: typer.Context, customer_id: CustomerId, as_json: AsJson = False) -> None:
    """Show a customer and what the customer has borrowed, owes and has paid.

    Examples:
      almeno customer 100001
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        account = client.get_customer(customer_id)
    if session.as_json:
        session.show_json(customer=account.customer, position=account.position)
    else:
        new_console().print(customer_panel(account.customer), position_panel(account.position))


def customers(context: typer.Context, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the customers.

    Examples:
      almeno customers --limit 10
      almeno customers --limit 0 --output csv > customers.csv
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        rows, more = first(client.list_customers(page_size=page_size_for(limit)), limit)
    if session.as_json:
        session.show_rows(Customer, customers=rows, more=more)
    else:
        show_list(new_console(), customers_table(rows), nothing="There are no customers yet.", more=more)


def find(
    context: typer.Context,
    phone: Annotated[
        str | None,
        typer.Option("--phone", metavar="NUMBER", help="The whole number; without a country code, an Indian one."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="TEXT", help="What the first or the last name, or both, begin with: asha r."),
    ] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Find customers by phone number, or by the beginning of a name.

    Examples:
      almeno find --phone 9629317944
      almeno find --name 'asha v'
    """
    session = session_of(context, as_json)
    if (phone is None) == (name is None):
        raise typer.BadParameter("one of the two is needed", param_hint="'--phone' / '--name'")
    with session.connected() as client:
        found = client.find_customers(phone_number=phone, name_prefix=name, page_size=page_size_for(limit))
        rows, more = first(found, limit)
    if session.as_json:
        session.show_rows(Customer, customers=rows, more=more)
    else:
        show_list(new_console(), customers_table(rows), nothing="There is no such customer.", more=more)


def changes(context: typer.Context, customer_id: CustomerId, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List what has changed of a customer and the customer's loans: by whom, why, or by which row of a file.

    Examples:
      almeno changes 100002
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        rows, more = first(client.list_customer_changes(customer_id, page_size=page_size_for(limit)), limit)
    if session.as_json:
        session.show_rows(CustomerChange, changes=rows, more=more)
    else:
        show_list(new_console(), changes_table(rows), nothing="Nothing of the customer has changed.", more=more)
