"""Arguments and options that several commands share, and the parsing of their text."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from almeno_client.base_client import new_request_id
from almeno_client.cli.amounts import parse_amount
from almeno_client.cli.session import REQUEST_ID
from almeno_client.decision_records import OutsideCredit
from almeno_client.values import parse_rate

if TYPE_CHECKING:
    from almeno_client.repayment_records import RepaymentChannel

_Value = TypeVar("_Value")
_MAX_PAGE_ROWS = 1000


def _remember_request_id(context: typer.Context, request_id: str | None) -> str:
    """Generates the request_id where none is given, and keeps it for who has to tell it."""
    context.meta[REQUEST_ID] = request_id or new_request_id()
    return str(context.meta[REQUEST_ID])


class ChannelOption(StrEnum):
    """What `--channel` takes."""

    NACH = "nach"
    UPI = "upi"
    TRANSFER = "transfer"
    CASH = "cash"
    OTHER = "other"


CustomerId = Annotated[int, typer.Argument(metavar="CUSTOMER_ID", help="The customer's id.")]
LoanId = Annotated[int, typer.Argument(metavar="LOAN_ID", help="The loan's id.")]
DecisionId = Annotated[
    str, typer.Argument(metavar="DECISION_ID", help="The decision's id, as `almeno decisions` lists it.")
]
ImportId = Annotated[str, typer.Argument(metavar="IMPORT_ID", help="The import's id, as `almeno imports` lists it.")]

Amount = Annotated[
    str, typer.Option("--amount", metavar="RUPEES", help="Amount to lend: 500000, 5,00,000, ₹5,00,000 or 5L.")
]
RequestedRate = Annotated[
    str, typer.Option("--rate", metavar="PERCENT", help="Requested interest rate, in per cent a year: 10.5.")
]
Tenure = Annotated[int, typer.Option("--tenure", metavar="MONTHS", help="Number of monthly instalments.")]
OutsideObligations = Annotated[
    str | None,
    typer.Option(
        "--outside-obligations",
        metavar="RUPEES",
        help="Instalments a month to other lenders: 25,000 or 25k.",
        show_default=False,
    ),
]
BureauScore = Annotated[
    int | None,
    typer.Option("--bureau-score", metavar="SCORE", help="Score of a credit bureau, 300 to 900.", show_default=False),
]
BureauReportDate = Annotated[
    str | None,
    typer.Option(
        "--bureau-report-date",
        metavar="DATE",
        help="Day of the credit bureau's report: 2026-01-31.",
        show_default=False,
    ),
]
Day = Annotated[
    str | None,
    typer.Option(
        "--on",
        "--date",
        metavar="YYYY-MM-DD",
        help="The day that counts.  [default: the service's business date]",
        show_default=False,
    ),
]
Reference = Annotated[
    str,
    typer.Option(
        "--reference", metavar="TEXT", help="Your own reference, in at most 64 characters.", show_default=False
    ),
]
PaymentChannel = Annotated[
    ChannelOption | None, typer.Option("--channel", help="How the payment came in.", show_default=False)
]
RequestId = Annotated[
    str | None,
    typer.Option(
        "--request-id",
        callback=_remember_request_id,
        metavar="UUID",
        help="Makes the command safe to repeat: the same id gives the first answer again.  [default: a new one]",
        show_default=False,
    ),
]
Limit = Annotated[int, typer.Option("--limit", metavar="ROWS", min=0, help="Show at most so many; 0 for all.")]
Issues = Annotated[
    int, typer.Option("--issues", metavar="ROWS", min=0, help="Show at most so many rejected or adjusted rows; 0: all.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]


def page_option(name: str) -> Any:
    """The option `--html` of a report whose page has a name unless another is given."""
    return typer.Option(
        "--html",
        metavar="FILE",
        dir_okay=False,
        show_default=False,
        help=f"Write the page with the plots here.  [default: {name} at a terminal, else none]",
    )


def read_rupees(option: str, text: str) -> Decimal:
    """Reads an amount that was given to an option."""
    return _read(option, text, parse_amount)


def read_rate(option: str, text: str) -> Decimal:
    """Reads a rate that was given to an option."""
    return _read(option, text, parse_rate)


def read_date(option: str, text: str) -> date:
    """Reads a date, YYYY-MM-DD, that was given to an option."""

    def parse(given: str) -> date:
        try:
            return date.fromisoformat(given)
        except ValueError:
            raise ValueError(f"{given!r} is not a date; write it like 2026-01-31") from None

    return _read(option, text, parse)


def read_day(text: str | None) -> date | None:
    """Reads the day that was given to `--on`; None where none was."""
    return None if text is None else read_date("--on", text)


def read_channel(channel: ChannelOption | None) -> "RepaymentChannel":
    """Reads how a payment came in."""
    from almeno_client.repayment_records import RepaymentChannel  # noqa: PLC0415

    return RepaymentChannel.UNSPECIFIED if channel is None else RepaymentChannel[channel.name]


def read_outside_credit(
    obligations: str | None, bureau_score: int | None, report_date: str | None
) -> OutsideCredit | None:
    """Reads what was given of credit with other lenders; None where nothing was."""
    if obligations is None and bureau_score is None and report_date is None:
        return None
    return OutsideCredit(
        Decimal(0) if obligations is None else read_rupees("--outside-obligations", obligations),
        bureau_score,
        None if report_date is None else read_date("--bureau-report-date", report_date),
    )


def _read(option: str, text: str, parse: Callable[[str], _Value]) -> _Value:
    try:
        return parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=f"'{option}'") from None


def page_size_for(limit: int) -> int:
    """Rows to fetch at a time for a list of at most `limit` rows: one more than shown tells whether it goes on."""
    return min(limit + 1, _MAX_PAGE_ROWS) if limit else _MAX_PAGE_ROWS


def first(rows: Iterator[_Value], limit: int) -> tuple[list[_Value], bool]:
    """Takes the first `limit` rows of a list, all if 0, and says whether there are more."""
    if not limit:
        return list(rows), False
    taken = list(islice(rows, limit + 1))
    return taken[:limit], len(taken) > limit
