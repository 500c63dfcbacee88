"""A command names agencies that are there: each field of each command that holds an agency's code is tried."""

from typing import Any, get_type_hints

import msgspec
import pytest

from rujukan.domain.case.consents import GiveConsent
from rujukan.domain.declaring import ASKED
from rujukan.domain.fact import Fact, parts_of
from rujukan.domain.named import _NAMES, require_known
from rujukan.domain.refusal import Invalid, RecipientUnavailable

NETWORK: dict[str, Any] = {"rsud": object(), "polres": object()}


def naming(command: type[Fact]) -> list[str]:
    hints = get_type_hints(command, include_extras=True)
    return [name for name in command.__struct_fields__ if any(part in _NAMES for part in parts_of(hints[name]))]


def saying(command: type[Fact], field: str, *codes: str) -> Fact:
    """A command of which only that field counts."""
    hint = get_type_hints(command, include_extras=True)[field]
    made = msgspec.defstruct(command.__name__, [(field, hint)], bases=(Fact,), kw_only=True)
    value: Any = codes if "frozenset" in str(hint) else codes[0]
    said: Fact = msgspec.convert({"occurred_at": "2026-03-03T14:00:00+08:00", field: value}, made)
    return said


@pytest.mark.parametrize("command", ASKED, ids=lambda command: command.__name__)
def test_an_agency_that_is_not_there_is_refused(command: type[Fact]) -> None:
    for field in naming(command):
        require_known(saying(command, field, "rsud", "polres"), NETWORK)
        wrong = saying(command, field, "rsudd", "polres")
        with pytest.raises(RecipientUnavailable) as refused:
            require_known(wrong, NETWORK)
        assert refused.value.about == {"agency": "rsudd", "field": field}


def test_so_is_a_kind_of_agencies_that_there_is_not() -> None:
    require_known(saying(GiveConsent, "recipients", "kind:health"), NETWORK)
    wrong = saying(GiveConsent, "recipients", "kind:hospital")
    with pytest.raises(Invalid, match="recipients"):
        require_known(wrong, NETWORK)
