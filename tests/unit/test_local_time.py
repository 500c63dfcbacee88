"""What a person is shown has the time of the network's zone, and is the same instant."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from rujukan.infra.clock import INSTANT, local, locally

INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(INSTANTS, st.booleans())
def test_an_instant_is_shown_in_the_networks_zone_and_can_be_said_as_it_is(at: datetime, with_z: bool) -> None:
    text = at.isoformat().replace("+00:00", "Z") if with_z else at.isoformat()
    shown = locally(f"received {text}; handled")
    assert INSTANT.search(shown) is None
    assert shown == f"received {local(at).isoformat()}; handled"
    assert datetime.fromisoformat(shown.split()[1].rstrip(";")) == at


def test_what_has_a_zone_already_and_what_is_no_instant_stays() -> None:
    there = datetime(2026, 3, 3, 14, tzinfo=timezone(timedelta(hours=8))).isoformat()
    for text in (there, "2026-03-03", "urn:x:2026-03-03T14:00:00", "position 15"):
        assert locally(text) == text
