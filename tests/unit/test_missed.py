"""That she was not met cannot be made to vanish: a recipient and its friends try, with every command that there is, in
every order. Record, state and her report still say it, and the lead has the last word on what came of it."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import pytest
from any_command import OF_A_CASE, Maker, ids_in, is_the_system_s
from msgspec import to_builtins
from msgspec.structs import replace
from story import DAY, HOUR, NETWORK, NOON, R1, SYSTEM, act, an_id, brought_to, consent, referred, say

from rujukan.domain.case.appointments import (
    AppointmentCancelled,
    AppointmentMoved,
    CancelAppointment,
    MakeAppointment,
    MoveAppointment,
)
from rujukan.domain.case.attendance import AppointmentKept, AppointmentMissed, KeepAppointment, MissAppointment
from rujukan.domain.case.fulfilment import (
    CompleteReferral,
    FailReferral,
    HoldReferral,
    RejectReferral,
    ResumeReferral,
    StartReferral,
)
from rujukan.domain.case.services import DeliverService
from rujukan.domain.case.striking import EntryStruck, StrikeEntry
from rujukan.domain.casefile.appointed import MISSED, appointment_of
from rujukan.domain.casefile.deciding import decide
from rujukan.domain.casefile.evolving import fold_log, said
from rujukan.domain.casefile.state import Case
from rujukan.domain.codes import (
    EndReason,
    Outcome,
    ReferralStatus,
    RejectReason,
    Role,
    Service,
    StruckBecause,
)
from rujukan.domain.fact import Fact
from rujukan.domain.referral_codes import AppointmentBy
from rujukan.domain.refusal import Refusal
from rujukan.domain.survivor import Agency as Named
from rujukan.domain.survivor import Record, recorded, struck
from rujukan.infra.store.transcoder import topic_of

S, BY = ReferralStatus, AppointmentBy
ID = an_id("appointment")
AT, LATE = NOON + DAY, NOON + DAY + HOUR
INSIDERS = ("rsud", "polres")
ROLES = tuple(role for role in Role if role is not Role.SYSTEM)


class Log:
    """A case as it goes on, and what of it is on record."""

    def __init__(self, case: Case | None, entries: tuple[tuple[Fact, str, Any], ...]) -> None:
        self.found, self.entries = case, entries

    @property
    def case(self) -> Case:
        assert self.found is not None
        return self.found

    def after(self, events: Sequence[Fact], author: str, at: Any) -> "Log":
        more = tuple((event, author, at) for event in events)
        return Log(fold_log(said(events, author, at), self.found), (*self.entries, *more))

    def does(self, command: Fact, agency: str, role: Role = Role.CASE_WORKER, at: Any = LATE) -> "Log | None":
        """None where it is refused."""
        who = replace(SYSTEM, at=at) if role is Role.SYSTEM else act(agency, role, at)
        try:
            return self.after(decide(command, self.case, who, NETWORK), agency, at)
        except Refusal:
            return None


def begun() -> Log:
    """A referral that the hospital took on, of which the police know, too; and a time that she was given."""
    log = Log(None, ())
    of_police = brought_to(S.ACCEPTED, an_id("another"), to="polres", of=("identity",))
    for event in (*referred(S.ACCEPTED), consent(an_id("for the police"), to="polres", of=("identity",)), *of_police):
        log = log.after([event], "uptd-ppa", NOON)
    made = log.does(say(MakeAppointment, appointment=ID, referral=R1, appointed_for=AT), "rsud", at=NOON)
    assert made is not None
    return made


MISS = say(MissAppointment, LATE, appointment=ID, known_from=BY.SURVIVOR)


def missed(by: str) -> Log:
    log = begun().does(MISS, by)
    assert log is not None
    return log


# What has to be true, whatever they did ------------------------------------------------------------------------------


def her_titles(log: Log, numbers: Sequence[int]) -> dict[int, str]:
    """Number → title of these entries, as her report has them."""
    records = {
        n: Record(n, topic_of(event), at, author, to_builtins(event), n)
        for n, (event, author, at) in enumerate(log.entries, 1)
        if n in numbers or isinstance(event, EntryStruck)
    }
    was = struck(records.values())
    return {n: recorded(records[n], "en", _named, was_struck=was.get(n)).title for n in numbers}


def _named(code: str) -> Named:
    return Named(NETWORK[code].name, NETWORK[code].kind)


def still_says_so(log: Log) -> None:
    """The entry that says that she was not met stands, or shows as struck: in the rules' memory and in her report."""
    numbers = [n for n, (event, *_) in enumerate(log.entries, 1) if isinstance(event, AppointmentMissed)]
    assert numbers
    held = {n: log.case.entries[n] for n in numbers}
    titles = her_titles(log, numbers)
    for n, entry in held.items():
        assert titles[n].startswith("An appointment passed")
        assert ("(struck" in titles[n]) == entry.struck
    appointment = appointment_of(log.case, ID)
    assert appointment is not None
    if not all(entry.struck for entry in held.values()):
        assert appointment.ended_as == MISSED
    after = [event for event, *_ in log.entries[numbers[0] :]]
    assert not [event for event in after if isinstance(event, AppointmentMoved) and event.appointment == ID], (
        "what was answered is never given another time"
    )


def nothing_is_hidden(log: Log) -> None:
    """Of an appointment that had its time: it waits for an answer, or has one that the lead can have said anew; what
    was moved or cancelled then shows as late, and never as what dropped away with the work. It is moved late once, and
    somebody has a reason to cancel it from then on."""
    time, moved_late = AT, False
    for event, _, at in log.entries:
        if not isinstance(event, AppointmentMoved | AppointmentCancelled) or event.appointment != ID:
            continue
        came = at >= time
        assert bool(event.after_its_time) == came
        if isinstance(event, AppointmentCancelled):
            assert event.ended_with is None or not came
            assert event.remark is not None or event.ended_with is not None or not (came or moved_late)
            continue
        assert event.occurred_at < time, "it was agreed before"
        assert not (came and moved_late)
        time, moved_late = event.appointed_for, moved_late or came
    answered = max(time, LATE) + DAY
    ends = [
        n
        for n, (event, *_) in enumerate(log.entries, 1)
        if isinstance(event, AppointmentKept | AppointmentMissed | AppointmentCancelled)
        and event.appointment == ID
        and not log.case.entries[n].struck
    ]
    assert len(ends) <= 1
    for n in ends:
        strike = say(StrikeEntry, answered, entry=n, because=StruckBecause.NOT_ACCURATE)
        corrected = log.does(strike, "uptd-ppa", Role.SUPERVISOR, answered)
        assert corrected is not None, "the lead strikes what is not true"
        log = corrected
    final = log.does(replace(MISS, occurred_at=answered), "uptd-ppa", at=answered)
    assert final is not None, "and says that she was not met"
    still_says_so(final)


# Every order of what is done to appointments, and to the work that they are part of ----------------------------------


def tricks(log: Log) -> Iterator[Fact]:
    """What a recipient can do to an appointment, or to what it hangs on, at that time."""
    about = {"appointment": ID}
    yield say(KeepAppointment, LATE, **about)
    yield say(MissAppointment, LATE, known_from=BY.OTHER, **about)
    for agreed in (LATE, AT - HOUR):
        for to in (LATE - HOUR / 2, LATE + 7 * DAY):  # which has come again, and which has not
            yield say(MoveAppointment, agreed, appointed_for=to, changed_by=BY.SURVIVOR, **about)
        yield say(CancelAppointment, agreed, changed_by=BY.SURVIVOR, remark="She phoned.", **about)
        yield say(CancelAppointment, agreed, changed_by=BY.SURVIVOR, **about)
        yield say(FailReferral, agreed, referral=R1, reason=EndReason.UNREACHABLE)
        yield say(CompleteReferral, agreed, referral=R1, outcome=Outcome.DID_NOT_ATTEND)
        yield say(RejectReferral, agreed, referral=R1, reason=RejectReason.NO_CAPACITY)
    yield say(StartReferral, LATE, referral=R1)
    yield say(HoldReferral, LATE, referral=R1, reason=EndReason.WAITING)
    yield say(ResumeReferral, LATE, referral=R1)
    n = len(log.entries)
    yield say(MakeAppointment, LATE, appointment=an_id(f"appointment {n}"), referral=R1, appointed_for=LATE + DAY)
    yield say(DeliverService, LATE, delivery=an_id(f"delivery {n}"), service=Service.HEALTH, referral=R1)
    for number, (event, *_) in enumerate(log.entries, 1):
        if isinstance(event, AppointmentMissed | AppointmentKept | AppointmentCancelled):
            yield say(StrikeEntry, LATE, entry=number, because=StruckBecause.ANOTHER_PERSON)


def every_order(log: Log, steps: int) -> Iterator[Log]:
    yield log
    if steps == 0:
        return
    for trick in tricks(log):
        if (then := log.does(trick, "rsud")) is not None:
            yield from every_order(then, steps - 1)


@pytest.mark.parametrize("by", ["rsud", "uptd-ppa"])
def test_in_every_order_it_still_says_that_she_was_not_met(by: str) -> None:
    """What the lead recorded the recipient cannot even strike."""
    for log in every_order(missed(by), 4):
        still_says_so(log)
        if by == "uptd-ppa":
            appointment = appointment_of(log.case, ID)
            assert appointment is not None
            assert appointment.ended_as == MISSED


def test_in_every_order_what_nobody_answered_yet_is_hidden_by_none() -> None:
    for log in every_order(begun(), 3):
        nothing_is_hidden(log)


# Every command that there is -----------------------------------------------------------------------------------------


def walk(log: Log, seed: int) -> Iterator[Log]:
    """Insiders, and the system, give every command that there is, in some order; each the first of them who may."""
    ids: dict[str, list[Any]] = {"ActorId": [act(agency, role).actor for agency in INSIDERS for role in ROLES]}
    count, seen, now = 0, 0, LATE

    def new() -> Any:
        nonlocal count
        count += 1
        return an_id(f"new {seed} {count}")

    every = Random(seed).sample(OF_A_CASE, len(OF_A_CASE))
    for step, of in enumerate(every):
        for event, *_ in log.entries[seen:]:
            for kind, id in ids_in(event):
                if id not in ids.setdefault(kind, []):
                    ids[kind].append(id)
        seen = len(log.entries)
        now += step % 2 * HOUR
        maker = Maker(f"{seed} {step}", now, ids, new, INSIDERS)
        command = maker.command(of)
        if "entry" in command.__struct_fields__:
            command = replace(command, entry=maker.random.randint(1, seen))
        roles = (Role.SYSTEM,) if is_the_system_s(of) else ROLES
        tries = [(about, by, role) for about in maker.tries(command, 4) for by in INSIDERS for role in roles]
        found = (log.does(about, by, role, now) for about, by, role in tries)
        log = next((then for then in found if then is not None), log)
        yield log


@pytest.mark.parametrize("by", ["rsud", "uptd-ppa"])
@pytest.mark.parametrize("seed", range(12))
def test_no_command_that_there_is_makes_it_vanish(by: str, seed: int) -> None:
    for log in walk(missed(by), seed):
        still_says_so(log)
