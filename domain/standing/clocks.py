"""What follows on clocks: who may start, move, meet, end or resume a window, of which duty, with which tie to it.

The table of standing says who may give a command; this one says what their word does to a clock, which is often
somebody else's. A command that names a clock is refused where no row is for it (`require`). What follows of itself, by
a service that was delivered, an order, what is known of her, a correction, follows only as far as a row goes (`may`):
else it is recorded, and nothing follows. Who recorded it learns nothing by that.

A machine's word gives no care, and ends no duty but by the police's own acceptance of a referral.
"""

from collections.abc import Callable, Mapping
from enum import Enum

from msgspec import Struct

from ..casefile.state import Case, Clock
from ..clock_codes import ClockDuty
from ..codes import AgencyKind, ReferralStatus, Role
from ..compartment import Compartment
from ..fact import Act, AgencyCode
from ..pathways import PATHWAYS
from ..refusal import NotForThisAgency, NotForThisRole
from ..words import Words
from .reach import Reaches
from .roles import AT_WORK, CASE_WORK, ESCALATION, LEGAL, MACHINE_WORK, SUPERVISION

D = ClockDuty


class Way(Enum):
    """What can become of a clock."""

    START = Words("mulai", "starts")
    MOVE = Words("bergeser atau gugur karena perbaikan data kejadian", "is moved, or superseded, by a correction")
    MEET = Words("dipenuhi", "is met")
    END = Words("berakhir tanpa tindakannya", "ends without what it is for")
    NOT_INDICATED = Words("berakhir karena tidak diperlukan secara medis", "ends as not indicated")
    RULE_OUT = Words("gugur karena tidak berlaku baginya", "is ruled out by what is known of her")
    RULE_IN = Words("berlaku lagi baginya", "is ruled in again")
    RESUME = Words("berjalan lagi", "runs again")


class To(Enum):
    """What an agency is to a clock, beside taking part in the case."""

    LEAD = Words("penanggung jawab kasus", "leads the case")
    CARER = Words(
        "layanan kesehatan yang mencatatnya, dirujuk untuk itu, atau boleh membuka data kejadian atau kesehatan",
        "a health service that wrote it, was referred to for it, or may open what happened or `health`",
    )
    UNDERTOOK = Words(
        "penerima yang menyanggupi rujukan yang menyebutnya", "accepted a referral that names it, and works on that"
    )
    OWER = Words(
        "yang wajib menurut undang-undang, dan menerima uraian kejadian atau rujukan yang menyebutnya",
        "owes the duty by law, and was sent what happened, or a referral that names it",
    )
    TOLD_POLICE = Words("kepolisian yang menerima uraian kejadian", "police that were sent what happened")
    COURT = Words(
        "kejaksaan atau pengadilan yang menerima uraian kejadian, atau rujukan yang menyebutnya",
        "prosecution or court that was sent what happened, or a referral that names it",
    )
    APART = Words("yang mencatatnya, dan tidak wajib melakukannya", "wrote it, and does not owe it")
    KNOWS_HER = Words(
        "yang boleh membuka identitas dari penanggung jawab, selama penanggung jawab belum mencatatnya sendiri",
        "may open the lead's record of who she is, where the lead has not said it itself",
    )
    IDENTIFIES = Words("yang boleh membuka identitas dari penanggung jawab", "may open the lead's record of who she is")
    ENDED_IT = Words("yang mencatat bahwa ia berakhir", "recorded that it ended")
    ENDED_OWN = Words(
        "penanggung jawab kasus, atau yang wajib menurut undang-undang, yang mencatat bahwa ia berakhir",
        "leads the case, or owes the duty by law, and recorded its end",
    )
    ANYBODY = Words("siapa pun yang ikut serta", "whoever takes part")
    SYSTEM = Words("sistem, bukan untuk instansi yang ikut serta", "the system, for no agency that takes part")


class ClockRow(Struct, frozen=True):
    """One way in which somebody's word reaches a clock."""

    way: Way
    duties: frozenset[ClockDuty]
    ties: frozenset[To]
    """One of these is enough."""
    roles: frozenset[Role]


def _row(way: Way, duties: frozenset[ClockDuty], roles: frozenset[Role], *ties: To) -> ClockRow:
    return ClockRow(way, duties, frozenset(ties), roles)


CARERS = frozenset({AgencyKind.HEALTH})
OF_CARE = frozenset({Compartment.INCIDENT, Compartment.HEALTH})
"""Compartments of which one says what a window of care is for."""
CARE = frozenset({D.CARE})
LAW = frozenset(ClockDuty) - CARE
REPORT = frozenset({D.REPORT_TO_POLICE})
PROTECTION_END = frozenset({D.PROTECTION_END})
OF_POLICE_OR_COURT = LAW - REPORT - PROTECTION_END
W = Way

ROWS = (
    _row(W.START, CARE, CASE_WORK, To.ANYBODY),
    _row(W.START, LAW, MACHINE_WORK, To.LEAD, To.OWER),
    _row(W.START, LAW, ESCALATION, To.SYSTEM),
    _row(W.MOVE, CARE | LAW, CASE_WORK, To.LEAD, To.APART),
    _row(W.MEET, CARE, CASE_WORK, To.LEAD, To.CARER, To.UNDERTOOK),
    _row(W.MEET, REPORT, MACHINE_WORK, To.TOLD_POLICE),
    _row(W.MEET, REPORT, CASE_WORK | LEGAL, To.LEAD, To.OWER),
    _row(W.MEET, OF_POLICE_OR_COURT, CASE_WORK | LEGAL, To.LEAD, To.OWER),
    # that no gap is left is the court's word, or the lead's who has the paper: the police would judge their own gap
    _row(W.MEET, PROTECTION_END, CASE_WORK | LEGAL, To.LEAD, To.COURT),
    _row(W.END, CARE, CASE_WORK, To.LEAD, To.CARER),
    _row(W.END, LAW, SUPERVISION, To.LEAD, To.OWER),
    _row(W.NOT_INDICATED, CARE, AT_WORK, To.CARER),
    _row(W.RULE_OUT, CARE, CASE_WORK, To.LEAD, To.KNOWS_HER),
    _row(W.RULE_IN, CARE, CASE_WORK, To.LEAD, To.IDENTIFIES),
    _row(W.RESUME, CARE, AT_WORK, To.CARER),
    _row(W.RESUME, CARE, CASE_WORK, To.ENDED_IT),
    # the police's acceptance meets the report of others: that this was a slip is not theirs to say, days after
    _row(W.RESUME, LAW, CASE_WORK, To.ENDED_OWN),
    _row(W.RESUME, CARE | LAW, SUPERVISION, To.LEAD),
    # what met it was struck, by who has no word in that
    _row(W.RESUME, CARE | LAW, ESCALATION, To.SYSTEM),
)
"""The whole of it: what does not stand here does not follow. That a duty of law ends without what it is for takes two
people besides (`EndDuty`)."""

WORKS = frozenset({ReferralStatus.ACCEPTED, ReferralStatus.IN_PROGRESS, ReferralStatus.ON_HOLD})


def may(way: Way, clock: Clock | None, case: Case, act: Act, said_by: frozenset[AgencyCode] = frozenset()) -> bool:
    """Whether what somebody does has that effect on that clock. Of what is known of her, on any (None); `said_by`: who
    said that so far."""
    found = (row for row in _of(way, clock) if act.role in row.roles)
    return any(_is(to, clock, case, act, said_by) for row in found for to in row.ties)


def require(way: Way, clock: Clock, case: Case, act: Act) -> None:
    """Lets a command pass that names the clock and has a row. Raises NotForThisAgency, NotForThisRole."""
    rows = _of(way, clock)
    tied = [row for row in rows if any(_is(to, clock, case, act, frozenset()) for to in row.ties)]
    if not tied:
        needs = [to.value.en for to in To if any(to in row.ties for row in rows)]
        raise NotForThisAgency(needs="; or ".join(needs))
    roles = frozenset[Role]().union(*(row.roles for row in tied))
    if act.role not in roles:
        raise NotForThisRole(needs=roles - {Role.SYSTEM})


def gives_care(case: Case, act: Act) -> bool:
    """Whether what somebody says that they gave is care that was given: a person's word, of a health service or the
    lead."""
    return act.role in CASE_WORK and (act.agency == case.lead or act.kind is AgencyKind.HEALTH)


def sharers(clock: Clock, case: Case) -> Mapping[AgencyCode, AgencyKind]:
    """Who has an open referral that names the clock, or owes the duty by its kind and was told what happened."""
    owes = owed_by(clock.duty, case)
    return {
        r.recipient: r.recipient_kind
        for r in case.referrals.values()
        if r.status.is_open
        and (clock.id in r.clocks or (r.recipient_kind in owes and Compartment.INCIDENT in r.compartments))
    }


def owed_by(duty: ClockDuty | None, case: Case) -> frozenset[AgencyKind]:
    """The kinds of agency that owe a duty: of care the health services."""
    if duty is ClockDuty.CARE:
        return CARERS
    pathway = PATHWAYS.get(case.pathway)
    rule = pathway.duties.get(duty) if pathway is not None and duty is not None else None
    return rule.owed_by if rule is not None else frozenset()


def _of(way: Way, clock: Clock | None) -> list[ClockRow]:
    """The rows for a clock. One of before clocks said their duty may be any: nobody can tell."""
    duty = clock.duty if clock is not None else None
    return [row for row in ROWS if row.way is way and (duty is None or duty in row.duties)]


def _is(to: To, clock: Clock | None, case: Case, act: Act, said_by: frozenset[AgencyCode]) -> bool:
    if to in OF_CASE:
        return OF_CASE[to](case, act, said_by)
    return clock is not None and OF_CLOCK[to](clock, case, act)


def _is_carer(clock: Clock, case: Case, act: Act) -> bool:
    if act.kind not in CARERS:
        return False
    if act.agency in (case.lead, clock.author) or act.agency in _named(clock, case):
        return True
    reached = Reaches(case, act.at).of(act.agency, act.kind).on(clock.author)
    return not reached.isdisjoint(OF_CARE)


def _owes(clock: Clock, case: Case, act: Act) -> bool:
    return act.kind in owed_by(clock.duty, case) and _was_told(clock, case, act)


def _was_told(clock: Clock, case: Case, act: Act) -> bool:
    """Whether an agency leads, or was sent what happened, or what the clock is for."""
    if act.agency == case.lead or act.agency in _named(clock, case):
        return True
    return any(Compartment.INCIDENT in r.compartments for r in case.open_referrals_to(act.agency))


def _named(clock: Clock, case: Case, states: frozenset[ReferralStatus] = frozenset()) -> frozenset[AgencyCode]:
    """Who holds a referral that names the clock."""
    return frozenset(
        r.recipient
        for r in case.referrals.values()
        if clock.id in r.clocks and (r.status in states if states else r.status.is_open)
    )


def _reads_identity(case: Case, act: Act) -> bool:
    reached = Reaches(case, act.at).of(act.agency, act.kind)
    return Compartment.IDENTITY in reached.on(case.lead)


OF_CASE: Mapping[To, Callable[[Case, Act, frozenset[AgencyCode]], bool]] = {
    To.LEAD: lambda case, act, said_by: act.agency == case.lead,
    To.ANYBODY: lambda case, act, said_by: True,  # the table of standing has asked
    To.SYSTEM: lambda case, act, said_by: act.role is Role.SYSTEM and act.agency not in case.participants(),
    To.IDENTIFIES: lambda case, act, said_by: _reads_identity(case, act),
    To.KNOWS_HER: lambda case, act, said_by: (
        said_by.isdisjoint({case.lead, *case.former_leads}) and _reads_identity(case, act)
    ),
}
OF_CLOCK: Mapping[To, Callable[[Clock, Case, Act], bool]] = {
    To.CARER: _is_carer,
    To.UNDERTOOK: lambda clock, case, act: act.agency in _named(clock, case, WORKS),
    To.OWER: _owes,
    To.TOLD_POLICE: lambda clock, case, act: act.kind is AgencyKind.POLICE and _was_told(clock, case, act),
    To.COURT: lambda clock, case, act: act.kind is AgencyKind.JUSTICE and _was_told(clock, case, act),
    To.APART: lambda clock, case, act: act.agency == clock.author and act.kind not in owed_by(clock.duty, case),
    To.ENDED_IT: lambda clock, case, act: act.agency in (clock.ended_by, clock.met_by),
    To.ENDED_OWN: lambda clock, case, act: (
        act.agency in (clock.ended_by, clock.met_by)
        and (act.agency == case.lead or act.kind in owed_by(clock.duty, case))
    ),
}
"""What makes an agency what it is to a case, and to a clock."""
