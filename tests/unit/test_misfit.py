"""A body that does not fit is answered with the field, the place, what is expected there and all that is allowed."""

from enum import Enum
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rujukan.api.actions import AGENCY_ACTIONS, CASE_ACTIONS, OPENING, PROPOSAL_ACTIONS, Action
from rujukan.api.misfit import NAME, Misfit, misfits
from rujukan.api.problems import unreadable
from rujukan.domain.case.consents import GiveConsent
from rujukan.domain.compartment import Compartment
from rujukan.domain.fact import Fact

ACTIONS: tuple[Action, ...] = (OPENING, *CASE_ACTIONS, *AGENCY_ACTIONS, *PROPOSAL_ACTIONS)
MARKER = "RAHASIA"
AT = "2026-03-03T14:00:00+08:00"


def named(action: Action) -> str:
    return action.command.__name__


def of(command: type[Fact], **said: Any) -> dict[str, Misfit]:
    """Place → what does not fit there."""
    return {found.at: found for found in misfits(said, command)}


def codes_of(hint: Any) -> list[str]:
    """The values of the code lists and literals in a type."""
    if isinstance(hint, type) and issubclass(hint, Enum):
        return [str(code.value) for code in hint]
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    return [value for part in get_args(hint) if not isinstance(part, str) for value in codes_of(part)]


@pytest.mark.parametrize("action", ACTIONS, ids=named)
def test_a_misspelt_field_is_named_with_all_that_there_are(action: Action) -> None:
    fields = action.command.__struct_fields__
    for field in fields:
        wrong = f"{field[:-1]}{'x' if field[-1] != 'x' else 'y'}"
        found = of(action.command, **{wrong: MARKER})[f"$.{wrong}"]
        assert found.allowed == list(fields)
        assert found.meant in fields or len(field) < 3
        assert MARKER not in repr(found)


@pytest.mark.parametrize("action", ACTIONS, ids=named)
def test_a_code_that_is_on_no_list_is_answered_with_the_list(action: Action) -> None:
    for field, hint in get_type_hints(action.command, include_extras=True).items():
        if not (codes := codes_of(hint)):
            continue
        for value, place in ((MARKER, f"$.{field}"), ([MARKER], f"$.{field}[0]")):
            found = of(action.command, **{field: value})
            if place in found and found[place].allowed is not msgspec.UNSET:
                assert found[place].allowed == codes
                break
        else:
            raise AssertionError(f"{field}: its codes are not shown")


@pytest.mark.parametrize("action", ACTIONS, ids=named)
def test_a_field_that_is_lacking_is_named(action: Action) -> None:
    lacking = {f.name for f in msgspec.structs.fields(action.command) if f.required}
    found = of(action.command)
    assert found.keys() == {f"$.{name}" for name in lacking}
    assert all("needed" in misfit.expected for misfit in found.values())


def test_a_compartment_is_one_of_nine_words() -> None:
    found = of(GiveConsent, compartments=["helth"])["$.compartments[0]"]
    assert found.allowed == [c.word for c in Compartment]
    assert found.meant == "health"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just(MARKER) | st.just(AT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(action=st.sampled_from(ACTIONS), data=st.data())
def test_whatever_does_not_fit_is_placed_in_a_field_and_not_repeated(action: Action, data: st.DataObject) -> None:
    """And whatever fits is not."""
    names = st.sampled_from([*action.command.__struct_fields__, MARKER])
    said = data.draw(st.dictionaries(names, JSON, max_size=5))
    found = list(misfits(said, action.command))
    try:
        msgspec.convert(said, action.command)
    except (msgspec.ValidationError, UnicodeError, OverflowError):
        assert found
    else:
        assert not found
    for misfit in found:
        assert misfit.at == "$" or misfit.at.startswith(tuple(f"$.{name}" for name in action.command.__struct_fields__))
        assert misfit.expected
        assert MARKER not in repr(misfit)


@given(st.text(max_size=40))
def test_a_name_that_is_none_is_not_repeated(name: str) -> None:
    """Somebody pasted what it is about into the place of a field."""
    if NAME.fullmatch(name) or name in OPENING.command.__struct_fields__:
        return
    problem = unreadable(list(misfits({name: 1}, OPENING.command)))
    assert problem.more["at"] == "$" or not problem.more["at"].endswith(name) or not name


def test_the_problem_says_what_to_do_and_all_that_does_not_fit() -> None:
    problem = unreadable(list(misfits({"chanel": "hotline", "occurred_at": AT}, OPENING.command)))
    assert problem.more["at"] == "$.chanel"
    assert problem.more["meant"] == "channel"
    assert "At $.chanel" in problem.detail
    assert "Did you mean channel?" in problem.detail
    assert [error["at"] for error in problem.more["errors"]][1:] == [
        "$.channel",
        "$.reporter",
        "$.urgency",
        "$.age_group",
    ]
