"""A body that does not fit is answered with the field, the place, what is expected there and all that is allowed."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from enum import Enum
from typing import Any, Literal, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rujukan.api.actions import AGENCY_ACTIONS, CASE_ACTIONS, OPENING, PROPOSAL_ACTIONS, Action
from rujukan.api.misfit import NAME, Misfit, misfits
from rujukan.api.problems import answer, unreadable
from rujukan.domain.case.consents import GiveConsent
from rujukan.domain.compartment import Compartment
from rujukan.domain.declaring import FIELDS
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
    hints = get_type_hints(action.command, include_extras=True)
    for name in lacking:
        if codes := codes_of(hints[name]):
            assert found[f"$.{name}"].allowed == codes, "whoever left it out sees what there is"


@pytest.mark.parametrize("action", ACTIONS, ids=named)
def test_what_is_no_field_is_not_called_by_the_label_of_another_form(action: Action) -> None:
    """The person looks for it in the form before them."""
    for field in FIELDS.keys() - set(action.command.__struct_fields__):
        if NAME.fullmatch(field):
            mend = of(action.command, **{field: MARKER})[f"$.{field}"].mend
            assert (mend["id"], mend["en"]) == (
                f"Perbaiki {field}: hanya isian yang diperbolehkan.",
                f"Mend {field}: expected is no field but those that are allowed.",
            )


KINDS: dict[Any, list[Any]] = {
    str: [1, True, None, [], {}, "", "x" * 30_000, "\x00"],
    int: ["1", True, None, [], 1.5, -1, 10**30],
    bool: ["true", 0, 1, None, []],
    UUID: ["", MARKER, "0" * 31, 1, None, [], "7d0c5e0e-52b5-4a53-9d7b-0f4f7f3f6c1g"],
    datetime: ["", MARKER, "2026-03-03", "2026-03-03T14:00:00", "2026-02-30T14:00:00Z", 1, None, "T14:00Z"],
    date: ["", MARKER, "2026-02-30", "03-03-2026", 20260303, None, []],
}
"""What is none of a kind, or none within its bounds: another type, too long, no such day, no zone."""


def spoiled(action: Action) -> Iterator[tuple[str, dict[str, Any]]]:
    """A field, and a body in which it alone is wrong: it is lacking, or something that it cannot be."""
    whole = {"occurred_at": AT, **{name: str(UUID(int=7)) for name in unsaid_of(action)}, **action.example}
    for field in msgspec.structs.fields(action.command):
        if field.required:
            yield field.name, {name: value for name, value in whole.items() if name != field.name}
        hint = get_type_hints(action.command, include_extras=True)[field.name]
        kinds = {kind for kind in KINDS if kind in bases_of(hint)} or {str}
        for value in {repr(v): v for kind in kinds for v in (*KINDS[kind], [KINDS[kind]], {MARKER: MARKER})}.values():
            said = {**whole, field.name: value}
            try:
                msgspec.convert(said, action.command)
            except (msgspec.ValidationError, UnicodeError, OverflowError):
                yield field.name, said


def unsaid_of(action: Action) -> list[str]:
    """Ids that stand in the address, or that the service makes."""
    ids = [name for name, kind in get_type_hints(action.command).items() if "NewType" in type(kind).__name__]
    return [name for name in ids if name not in action.example]


def bases_of(hint: Any) -> Iterator[Any]:
    yield getattr(hint, "__supertype__", hint)
    for part in get_args(hint):
        if not isinstance(part, str):
            yield from bases_of(part)


@pytest.mark.parametrize("action", ACTIONS, ids=named)
def test_each_field_that_is_wrong_is_named_with_what_to_do_in_both_languages(action: Action) -> None:
    """Whatever is wrong with it; and nothing of what was sent is said."""
    seen = set()
    for field, said in spoiled(action):
        seen.add(field)
        response = answer(unreadable(list(misfits(said, action.command))))
        problem = msgspec.json.decode(response.body)
        assert response.status_code == problem["status"] == 422
        errors = [error for error in problem["errors"] if re.match(rf"\$\.{field}\b", error["at"])]
        assert errors, (field, problem)
        for error in errors:
            assert error["expected"]
            assert error["mend"].keys() == {"id", "en"}
            assert error["mend"]["id"].startswith("Perbaiki ")
            assert error["mend"]["en"].startswith("Mend ")
            if (label := FIELDS.get(field)) is not None:
                assert label.label.id in error["mend"]["id"]
                assert label.label.en in error["mend"]["en"]
        assert problem["person"]["id"]["next"].startswith("Perbaiki ")
        assert MARKER not in response.body.decode()
    needed = {f.name for f in msgspec.structs.fields(action.command) if f.required}
    assert needed <= seen


def test_what_is_expected_says_how_it_is_written() -> None:
    found = of(OPENING.command, occurred_at="kemarin", channel="telepon")
    assert found["$.occurred_at"].mend["id"].endswith("seperti 2026-03-03T14:00:00+08:00 (ISO 8601).")
    assert found["$.channel"].mend["id"].endswith("salah satu nilai yang diperbolehkan.")
    long = of(GiveConsent, recipients=["x" * 41])["$.recipients[0]"]
    assert long.mend["id"] == "Perbaiki Penerima: kode instansi, atau kind:JENIS untuk setiap instansi sejenis."


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
