"""The business date and the current time: the only module that reads the system clock for them."""

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

DAY_MICROSECONDS = 24 * 3_600 * 1_000_000


@dataclass(frozen=True)
class Clock:
    """Tells the business date and the present instant.

    Attributes:
        business_date: The day taken as today, whatever the system says; None for the day it is.
        timezone: The time zone whose date is today.
    """

    business_date: date | None
    timezone: ZoneInfo

    def today(self) -> date:
        """The business date."""
        return self.business_date or datetime.now(self.timezone).date()

    @staticmethod
    def utc_date() -> date:
        """The day it is in UTC, whatever the business date."""
        return datetime.now(UTC).date()

    @staticmethod
    def now_microseconds() -> int:
        """The present instant, in microseconds since the epoch; a pinned business date does not change it."""
        return time.time_ns() // 1000
