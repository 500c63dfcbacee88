"""Whatever an event changes of what the rules remember, a diff shows: of every subject, whoever adds one."""

import pytest
from histories import histories
from msgspec.structs import fields, replace
from story import NOON

from rujukan.domain.casefile.evolving import fold_log
from rujukan.domain.casefile.state import EMPTY, Case, Part
from rujukan.domain.remembered import INNER, Field, facts

HISTORIES = histories()


def counted_out(case: Case | None) -> Case | None:
    """The case without what counts or sums up its events, and without parts that are as they begin."""
    if case is None:
        return None
    begun = {of: part for of, part in case.parts.items() if part != of()}
    return replace(case, version=0, words=EMPTY, parts=begun, entries=EMPTY, last_entry=0)


@pytest.mark.parametrize("name", HISTORIES)
def test_whatever_an_event_changes_is_shown(name: str) -> None:
    log = HISTORIES[name].written
    for n in range(1, len(log) + 1):
        before, after = fold_log(log[: n - 1]), fold_log(log[:n])
        changed = facts(before, NOON) != facts(after, NOON)
        assert changed == (counted_out(before) != counted_out(after)), log[n - 1].topic


def test_every_field_of_the_case_is_one_of_them() -> None:
    """Of the case itself, and of each part that the stories come to."""
    shown = {field.name for history in HISTORIES.values() for field in facts(fold_log(history.written), NOON)}
    of_things = {"referrals", "consents", "clocks", "glasses", "used_ids", "transfer", "holds"}
    assert {f.name for f in fields(Case)} - INNER - of_things <= shown
    assert {
        "flag",
        "consent",
        "glass",
        "referral",
        "clock",
        "action",
        "document",
        "transfer",
        "erasure",
        "entry",
        "hold",
    } <= {field.of for history in HISTORIES.values() for field in facts(fold_log(history.written), NOON)} | {
        "erasure",
        "transfer",
    }


def test_no_two_things_have_one_name() -> None:
    """A fact that another took the place of would be one that no diff shows."""
    parts = {of for history in HISTORIES.values() for of in (fold_log(history.written) or Case).parts}  # type: ignore[union-attr]
    assert parts <= set(Part.__subclasses__())
    for history in HISTORIES.values():
        case = fold_log(history.written)
        if case is None:
            continue
        alone = [facts(replace(case, parts={of: part}), NOON) for of, part in case.parts.items()]
        whole = facts(case, NOON)
        assert all(whole[field] == value for one in alone for field, value in _more(one, case).items())


def _more(found: object, case: Case) -> dict[Field, object]:
    """What stands there beyond the case itself."""
    bare = facts(replace(case, parts=EMPTY), NOON)
    return {field: value for field, value in found.items() if bare.get(field) != value}  # type: ignore[attr-defined]
