"""Protection orders: by whom, from when, and until when."""

from datetime import date

import pytest
from story import HOSPITAL, LEAD, given, opened, referred, say

from rujukan.domain.case.orders import ProtectionOrderRecorded, RecordProtectionOrder
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import Invalid

ORDER = {"order": "7/2026", "issued_by": "the court", "valid_from": date(2026, 3, 3)}


@pytest.mark.parametrize(
    ("command", "event", "fields"),
    [(RecordProtectionOrder, ProtectionOrderRecorded, ORDER)],
    ids=["RecordProtectionOrder"],
)
@pytest.mark.parametrize("by", [LEAD, HOSPITAL], ids=["lead", "recipient"])
def test_who_takes_part_records_the_work(
    command: type[Fact], event: type[Fact], fields: dict[str, object], by: Act
) -> None:
    given(*referred()).when(say(command, **fields), by=by).then(say(event, **fields))


def test_a_protection_order_does_not_end_before_it_begins() -> None:
    given(opened()).when(say(RecordProtectionOrder, **ORDER, valid_until=date(2026, 3, 2))).refused(
        Invalid, field="valid_until"
    )
    given(opened()).when(say(RecordProtectionOrder, **ORDER, valid_until=date(2026, 3, 3))).then_only(
        ProtectionOrderRecorded
    )
