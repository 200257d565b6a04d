from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from contexttune.models import retry


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [("2", 2), ("soon", None), ("", None), ("nan", None), (f"Mon, 01 Jan {10**20} 00:00:00 GMT", None)],
)
def test_retry_after_in_seconds_is_understood(header, wait_s):
    assert retry._retry_after_s(header) == wait_s


@pytest.mark.parametrize(("later_s", "least_s"), [(50, 20), (-9e8, -1e12)])
def test_retry_after_as_a_date_is_understood(later_s, least_s):
    header = format_datetime(datetime.now(UTC) + timedelta(seconds=later_s), usegmt=True)
    asked = retry._retry_after_s(header)
    assert asked is not None
    assert least_s <= asked <= later_s
