import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from almeno_grpc.clock import Clock


def test_pinned_business_date_is_today_whatever_the_system_says() -> None:
    clock = Clock(date(2026, 3, 31), ZoneInfo("Asia/Kolkata"))
    assert clock.today() == date(2026, 3, 31)
    assert abs(clock.now_microseconds() - time.time_ns() // 1000) < 60_000_000


def test_today_is_the_day_in_the_time_zone() -> None:
    # These two are 26 hours apart: the days always differ.
    east, west = (Clock(None, ZoneInfo(name)).today() for name in ("Pacific/Kiritimati", "Etc/GMT+12"))
    assert east - west in {timedelta(days=1), timedelta(days=2)}
    assert abs(datetime.now(UTC).date() - east) <= timedelta(days=1)
