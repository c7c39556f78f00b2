"""Messages that are kept and filled in anew, which takes less time than making one for each answer.

Who fills in a message holds its parts, for while somebody holds a part, the message gives it out again rather than make
a new object of it.
"""

from collections.abc import Callable
from datetime import date
from typing import Generic, TypeVar

from google.protobuf.message import Message
from google.type import date_pb2, money_pb2

from almeno_grpc.rpc.answers import CURRENCY

P = TypeVar("P")

MAX_USES = 500
"""How often a message is filled in: a text in it takes its room anew each time, and all of it is only given back with
the whole message."""


class KeptMessage(Generic[P]):
    """A message that one thread keeps, with what fills in its part."""

    def __init__(self, make: Callable[[], tuple[Message, P]]) -> None:
        """Keeps what `make` makes: an empty message, and what fills it in."""
        self._make = make
        self._uses_left = 0

    def taken(self) -> tuple[Message, P]:
        """The message and what fills it in, as the last use has left them."""
        if self._uses_left == 0:
            self._kept = self._make()
            self._uses_left = MAX_USES
        self._uses_left -= 1
        return self._kept


def in_rupees(message: money_pb2.Money) -> money_pb2.Money:
    """Names the currency, which `fill_amount` leaves as it is."""
    message.currency_code = CURRENCY
    return message


def fill_amount(message: money_pb2.Money, paise: int) -> None:
    """Fills in an amount of paise, zero or more, as rupees and billionths of a rupee."""
    message.units = paise // 100
    message.nanos = paise % 100 * 10_000_000


def fill_day(message: date_pb2.Date, on: date) -> None:
    """Fills in a date with all three parts."""
    message.year, message.month, message.day = on.year, on.month, on.day
