"""Commands on customers: register, customer, customers, changes."""

from typing import Annotated

import typer

from almeno_client.cli.options import AsJson, CustomerId, Limit, RequestId, first, page_size_for, read_rupees
from almeno_client.cli.rendering import changes_table, customer_panel, customers_table, position_panel, show_list
from almeno_client.cli.session import new_console, session_of


def register(
    context: typer.Context,
    first_name: Annotated[str, typer.Option("--first-name", metavar="NAME", help="Given name.")],
    last_name: Annotated[str, typer.Option("--last-name", metavar="NAME", help="Family name.")],
    age: Annotated[int, typer.Option("--age", metavar="YEARS", help="Age in completed years, from 18.")],
    income: Annotated[
        str, typer.Option("--income", metavar="RUPEES", help="Income a month: 50000, 50,000 or ₹50,000.")
    ],
    phone: Annotated[
        str, typer.Option("--phone", metavar="NUMBER", help="Phone number; without a country code, an Indian one.")
    ],
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    """Register a customer; the credit limit follows from the income."""
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
    if session.as_json:
        session.show_json(customer=customer)
    else:
        new_console().print(customer_panel(customer))


def customer(context: typer.Context, customer_id: CustomerId, as_json: AsJson = False) -> None:
    """Show a customer and what the customer has borrowed, owes and has paid."""
    session = session_of(context, as_json)
    with session.connected() as client:
        account = client.get_customer(customer_id)
    if session.as_json:
        session.show_json(customer=account.customer, position=account.position)
    else:
        new_console().print(customer_panel(account.customer), position_panel(account.position))


def customers(context: typer.Context, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the customers."""
    session = session_of(context, as_json)
    with session.connected() as client:
        rows, more = first(client.list_customers(page_size=page_size_for(limit)), limit)
    if session.as_json:
        session.show_json(customers=rows, more=more)
    else:
        show_list(new_console(), customers_table(rows), nothing="There are no customers yet.", more=more)


def changes(context: typer.Context, customer_id: CustomerId, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List what has changed of a customer and the customer's loans, as by a file that was loaded again."""
    session = session_of(context, as_json)
    with session.connected() as client:
        rows, more = first(client.list_customer_changes(customer_id, page_size=page_size_for(limit)), limit)
    if session.as_json:
        session.show_json(changes=rows, more=more)
    else:
        show_list(new_console(), changes_table(rows), nothing="Nothing of the customer has changed.", more=more)
