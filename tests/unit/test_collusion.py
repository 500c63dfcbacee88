"""Insiders who collude: hypothesis plays every agency but the lead, in any number and order, with every command of the
catalogue and every door. Whatever they do, none of them opens of the lead's words what neither a consent of the lead's
or one that it confirmed, nor a legal basis that the lead stands for, nor a glass gave to one of them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Protocol
from uuid import UUID

import pytest
from account import TAKEN_BACK, Account
from any_command import OF_A_CASE, Maker, ids_in, is_of_cases, is_the_system_s
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace
from some import examples
from story import (
    C1,
    C2,
    CLOCK,
    DAY,
    DOCUMENT,
    HOUR,
    NETWORK,
    NOON,
    NOTE,
    R1,
    R2,
    WORKER,
    act,
    an_id,
    brought_to,
    clock,
    consent,
    draft,
    draft_fields,
    incident,
    incident_fields,
    opened,
    say,
    scope,
    sent,
    written,
)

from rujukan.domain.case import Case, decide
from rujukan.domain.case.clock_ends import MeetClock
from rujukan.domain.case.consents import GiveConsent, NarrowConsent, WithdrawConsent
from rujukan.domain.case.fulfilment import (
    AcceptReferral,
    CompleteReferral,
    ReceiveReferral,
    ReferralReceived,
    ReferralRejected,
    RejectReferral,
    ResumeReferral,
    StartReferral,
)
from rujukan.domain.case.glass import BreakGlass, GlassBroken, GlassClosed, GlassReviewed, ReviewGlass
from rujukan.domain.case.holds import HoldLifted, PlaceLegalHold
from rujukan.domain.case.identity import (
    CorrectSurvivorContact,
    CorrectSurvivorIdentity,
    SurvivorContactRecorded,
    SurvivorIdentified,
)
from rujukan.domain.case.incidents import CorrectIncident
from rujukan.domain.case.intake import OpenCase
from rujukan.domain.case.lead import AskLeadTransfer
from rujukan.domain.case.merging import MergeCase, SeparateCase
from rujukan.domain.case.notes import NoteRecorded, RecordNote
from rujukan.domain.case.overrides import ApproveOverride, OverrideConsent
from rujukan.domain.case.referrals import CancelReferral, DraftReferral, ReferralDrafted, ReferralSent, SendReferral
from rujukan.domain.casefile.evolving import fold_log, said
from rujukan.domain.casefile.holding import HoldPlaced
from rujukan.domain.codes import (
    AgencyKind,
    ConsentBy,
    GlassVerdict,
    HoldKind,
    LegalBasis,
    Obtained,
    Outcome,
    Purpose,
    ReferralStatus,
    RejectReason,
    Role,
    Service,
    SharingBasis,
)
from rujukan.domain.compartment import ALL, Compartment
from rujukan.domain.disclosure import Knowledge, Written, may_open, through_glass
from rujukan.domain.fact import Fact
from rujukan.domain.history import Entitlement, as_of, as_seen_by
from rujukan.domain.refusal import Refusal
from rujukan.domain.standing.reach import Reaches
from rujukan.domain.standing.readings import READINGS
from rujukan.domain.standing.relations import Extent
from rujukan.domain.standing.rule import ask, roles_for

LEAD, OTHER_LEAD = HONEST = ("uptd-ppa", "lbh")
"""Who leads, and whom it may ask to lead after it; nobody else is trusted."""
INSIDERS = ("rsud", "polres", "psikolog", "dinsos")
AGENCIES = (*HONEST, *INSIDERS)
KINDS = tuple(f"kind:{NETWORK[code].kind}" for code in INSIDERS)
SERVICES = {code: sorted(agency.services)[0] for code, agency in NETWORK.items()}
PURPOSES = (Purpose.CARE, Purpose.LEGAL, Purpose.COORDINATION)
CONTENT = tuple(sorted(c.word for c in ALL - {Compartment.COORDINATION}))
ROLES = tuple(role for role in Role if role is not Role.SYSTEM)
MOST_TRIES = 8

ENDS_THE_TALE = (OpenCase, MergeCase, SeparateCase)
COMMANDS = tuple(c for c in OF_A_CASE if c not in ENDS_THE_TALE)
OF_PEOPLE = tuple(c for c in COMMANDS if not is_the_system_s(c))
OF_THE_SYSTEM = tuple(c for c in COMMANDS if is_the_system_s(c))

WITHOUT_CONTENT = {
    Extent.COORDINATION,
    Extent.ROWS,
    Extent.ROWS_AS_LEAD,
    Extent.AGENCY,
    Extent.PROPOSED,
    Extent.PUBLIC,
}
FOR_THE_LEAD_ALONE = {Extent.WHOLE, Extent.BASIS}
DOORS = tuple(name for name, door in sorted(READINGS.items()) if door.rows and is_of_cases(door.rows))

everybody, insiders = st.sampled_from(AGENCIES), st.sampled_from(INSIDERS)
seeds, numbers = st.integers(0, 2**32), st.integers(0, 9)
words = st.frozensets(st.sampled_from(CONTENT), min_size=1, max_size=4)
purposes = st.sampled_from(PURPOSES)
lasting = st.sampled_from((None, None, None, 2))


class Tale(Protocol):
    """What has been done so far, and can be."""

    now: datetime

    def attempt(self, command: Fact, agency: str, role: Role = Role.CASE_WORKER) -> bool: ...
    def consents(self, agency: str, of: frozenset[str], to: str, purpose: Purpose, lasts: int | None) -> UUID: ...
    def refers(self, sender: str, to: str, of: frozenset[str], purpose: Purpose) -> UUID: ...


EVERYTHING = frozenset(CONTENT)
CARE = Purpose.CARE


def claimed(tale: Tale) -> None:
    """Row a: the hospital says that she agreed to everything for a psychologist, who says it of the hospital."""
    for one, other in (("rsud", "psikolog"), ("psikolog", "rsud")):
        tale.consents(one, EVERYTHING, other, CARE, None)
        for of in (EVERYTHING, frozenset({"health"})):
            tale.refers(one, other, of, CARE)


def own_words_first(tale: Tale) -> None:
    """Row a: what it was not sent, the hospital writes something of, and sends that to whom she does let know."""
    tale.consents(LEAD, EVERYTHING, "psikolog", CARE, None)
    tale.attempt(say(RecordNote, tale.now, note=an_id("its own"), psychosocial="said", legal="said"), "rsud")
    tale.refers("rsud", "psikolog", frozenset({"psychosocial", "legal"}), CARE)


def said_anew(tale: Tale) -> None:
    """Row b: what she took back, the hospital says anew, and goes on."""
    tale.attempt(say(WithdrawConsent, tale.now, consent=C1), LEAD)
    tale.consents("rsud", EVERYTHING, "rsud", CARE, None)
    tale.attempt(say(ResumeReferral, tale.now, referral=R1), "rsud")


def past_consent(tale: Tale) -> None:
    """Row c: one supervisor of a recipient, on every ground, for everything, without an end."""
    for basis in SharingBasis:
        about = scope(an_id(basis), ("rsud", "psikolog", "dinsos"), CONTENT, PURPOSES)
        more = {"rule": "x", "reason": "r", "on_word_of": "somebody", "document": DOCUMENT}
        for of in (CONTENT, ("incident",)):
            command = say(OverrideConsent, tale.now, **{**about, "compartments": frozenset(of)}, basis=basis, **more)
            tale.attempt(command, "rsud", Role.SUPERVISOR)
        tale.attempt(say(ApproveOverride, tale.now, consent=about["consent"], reason="r"), "rsud", Role.LEGAL_REVIEWER)
    for of in (EVERYTHING, frozenset({"incident"})):
        tale.refers("rsud", "psikolog", of, CARE)
        tale.refers(LEAD, "dinsos", of, CARE)


def over(tale: Tale) -> None:
    """Row e: rejected by the one, taken back from the other before it received it; her consent stands."""
    for to in ("psikolog", "dinsos"):
        tale.consents(LEAD, EVERYTHING, to, CARE, None)
    rejected, cancelled = (tale.refers(LEAD, to, EVERYTHING, CARE) for to in ("psikolog", "dinsos"))
    tale.attempt(say(ReceiveReferral, tale.now, referral=rejected), "psikolog")
    tale.attempt(say(RejectReferral, tale.now, referral=rejected, reason=RejectReason.NO_CAPACITY), "psikolog")
    tale.attempt(say(CancelReferral, tale.now, referral=cancelled), LEAD)


def recalled(tale: Tale) -> None:
    """Row f: told, taken back, and asked for again."""
    taken_back = tale.consents(LEAD, EVERYTHING, "rsud", CARE, None)
    tale.refers(LEAD, "rsud", EVERYTHING, CARE)
    tale.attempt(say(WithdrawConsent, tale.now, consent=taken_back), LEAD)
    tale.attempt(say(WithdrawConsent, tale.now, consent=C1), LEAD)
    tale.attempt(say(RecordNote, tale.now, note=an_id("a later note"), health="said"), LEAD)


def friends_judge(tale: Tale) -> None:
    """Row h: a colleague finds it justified; the lead does not; it is broken again."""
    for name in ("first", "second", "third"):
        glass = {"glass": an_id(name)}
        grounds = {"basis": LegalBasis.IMMINENT_DANGER, "rule": "r", "reason": "r", "compartments": EVERYTHING}
        tale.attempt(say(BreakGlass, tale.now, **glass, **grounds), "dinsos")
        judged = say(ReviewGlass, tale.now, **glass, verdict=GlassVerdict.JUSTIFIED, remark="r")
        tale.attempt(judged, "dinsos", Role.SUPERVISOR)
        tale.attempt(replace(judged, verdict=GlassVerdict.NOT_JUSTIFIED), LEAD, Role.DATA_PROTECTION_OFFICER)


def wider(tale: Tale) -> None:
    """Row k: changes what it cannot see, and so would be its author."""
    new = {"reason": "r"}
    tale.attempt(say(CorrectSurvivorContact, tale.now, phone="0001", safe_to_call=True, **new), "rsud")
    tale.attempt(say(CorrectSurvivorIdentity, tale.now, name="Penyintas B", **new), "rsud")
    tale.attempt(say(CorrectIncident, tale.now, **incident_fields(), **new), "rsud")
    tale.attempt(say(MeetClock, tale.now, clock=CLOCK), "rsud")


def untrue_times(tale: Tale) -> None:
    """Row l: it is said to have happened long before, so that what she gave later would have covered it."""
    early = tale.now - timedelta(days=30)
    given = tale.consents("rsud", EVERYTHING, "psikolog", CARE, None)
    tale.attempt(say(NarrowConsent, early, **scope(given, "psikolog", ("health",))), "rsud")
    referral = tale.refers("rsud", "psikolog", frozenset({"health"}), CARE)
    for move in (ReceiveReferral, AcceptReferral, StartReferral):
        tale.attempt(say(move, early, referral=referral), "psikolog")
    tale.attempt(say(CompleteReferral, early, referral=R1, outcome=Outcome.DELIVERED), "rsud")


def a_friend_holds(tale: Tale) -> None:
    """The hospital says that she agreed to a legal purpose, and sends a friend nothing for it; who holds the file."""
    tale.consents("rsud", frozenset({"health"}), "dinsos", Purpose.LEGAL, None)
    tale.refers("rsud", "dinsos", frozenset(), Purpose.LEGAL)
    hold = say(PlaceLegalHold, tale.now, hold=an_id("a friend's"), hold_kind=HoldKind.CLAIM, reason="r")
    tale.attempt(hold, "dinsos", Role.DATA_PROTECTION_OFFICER)


def turned_away(tale: Tale) -> None:
    """The police reject what they were sent, having received it."""
    tale.attempt(say(ReceiveReferral, tale.now, referral=R2), "polres")
    tale.attempt(say(RejectReferral, tale.now, referral=R2, reason=RejectReason.OUT_OF_AREA), "polres")


TRIED: Mapping[str, Callable[[Tale], None]] = {
    tried.__name__: tried
    for tried in (
        *(claimed, own_words_first, said_anew, past_consent, over, recalled, friends_judge, wider, untrue_times),
        *(a_friend_holds, turned_away),
    )
}


class Insiders(RuleBasedStateMachine):
    """The case, its log, and what was told to whom. Who leads is honest; all others share all that they have."""

    asked: ClassVar[Counter[str]] = Counter()
    accepted: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.now, self.count, self.steps = NOON, 0, 0
        self.case: Case | None = None
        self.log: list[Written] = []
        self.knowledge = Knowledge()
        self.told: dict[str, list[Entitlement]] = {}
        self.ids: dict[str, list[UUID]] = {
            "ActorId": [WORKER, *(act(code, role).actor for code in AGENCIES for role in ROLES)]
        }
        self.looked_at: tuple[int, datetime] = (0, self.now)

    # What there is

    @property
    def there(self) -> Case:
        assert self.case is not None
        return self.case

    @property
    def lead(self) -> str:
        return self.there.lead

    def account(self, until: int | None = None, at: datetime | None = None) -> Account:
        log = self.log[:until]
        return Account([w.event for w in log], [w.author for w in log], at or self.now)

    def given(self, account: Account) -> set[str]:
        """The compartments of the lead's words that a consent, or a basis, gives to one of them by a referral that the
        lead sent, and nobody refused or took back."""
        found: set[str] = set()
        stands = [account.scope(c.consent) for c in account.consents if account.bound(c) is None]
        for referral in account.referrals:
            led = account.lead(account.sent[referral.referral]) == referral.sender
            if not led or referral.recipient not in INSIDERS or account.was(referral.referral, TAKEN_BACK):
                continue
            named = {referral.recipient, f"kind:{NETWORK[referral.recipient].kind}"}
            for now in stands:
                if now is not None and referral.purpose in now.purposes and named & now.recipients:
                    found |= now.compartments & referral.compartments
        return found - {"coordination"}

    def behind_glass(self, until: int | None = None) -> dict[UUID, set[str]]:
        """Person → what a glass lets them open now, told from the log."""
        found: dict[UUID, set[str]] = {}
        events = [w.event for w in self.log[:until]]
        for broken in (e for e in events if isinstance(e, GlassBroken)):
            moves = [e for e in events if getattr(e, "glass", None) == broken.glass]
            last = [e.verdict for e in moves if isinstance(e, GlassReviewed)][-1:]
            is_over = any(isinstance(e, GlassClosed) for e in moves) or last == [GlassVerdict.NOT_JUSTIFIED]
            if not is_over and self.now < broken.expires_at:
                found.setdefault(broken.actor, set()).update(broken.compartments)
        return found

    # How something is done

    def take_in(self, event: Fact, author: str) -> None:
        if isinstance(event, ReferralSent) and author in INSIDERS:
            self.shares_no_more_than_it_may_know(event, author)
        if isinstance(event, HoldPlaced) and author in INSIDERS and not event.of_proceedings:
            assert self.is_party_for_the_law(author), f"{author} places a hold"
        self.case = fold_log(said([event], author, self.now), self.case)
        new = written(len(self.log) + 1, event, author, self.now)
        self.log.append(new)
        for kind, id in ids_in(event):
            known = self.ids.setdefault(kind, [])
            if id not in known:
                known.append(id)
        told = [t for t in self.knowledge.learn(new).tell if t.agency in INSIDERS]
        given = self.given(self.account()) if any(t.of.author in HONEST for t in told) else set()
        for telling in told:
            of = telling.of
            self.told.setdefault(telling.agency, []).append(
                Entitlement(new.position, of.position, telling.compartments)
            )
            if of.author in HONEST:
                assert content(telling.compartments) <= given, f"{telling.agency} was told of {of.topic}"

    def shares_no_more_than_it_may_know(self, sending: ReferralSent, sender: str) -> None:
        account = self.account()
        (drafted,) = (w.event for w in self.log if is_draft_of(w.event, sending))
        assert isinstance(drafted, ReferralDrafted)
        for word in drafted.compartments - {"coordination"}:
            reached = any(account.reaches(sender, word, by, drafted.purpose) for by in AGENCIES if by != sender)
            assert reached or account.wrote(sender, word), f"{sender} shares {word}"

    def is_party_for_the_law(self, agency: str) -> bool:
        """Whether it is police, or the lead's referral, or a word of hers that the lead heard, lets it know for the
        law."""
        if NETWORK[agency].kind is AgencyKind.POLICE:
            return True
        account = self.account()
        named = {agency, f"kind:{NETWORK[agency].kind}"}
        lets = any(
            now is not None and Purpose.LEGAL in now.purposes and named & now.recipients
            for now in (account.scope(c.consent) for c in account.consents if account.bound(c) is None)
        )
        return any(
            lets or account.lead(account.sent[r.referral]) == r.sender
            for r in account.referrals
            if r.recipient == agency and r.purpose is Purpose.LEGAL
        )

    def attempt(self, command: Fact, agency: str, role: Role = Role.CASE_WORKER) -> bool:
        try:
            events = decide(command, self.there, act(agency, role, self.now), NETWORK)
        except Refusal:
            return False
        for event in events:
            self.take_in(event, agency)
        return bool(events)

    def attempt_some(self, of: Sequence[type[Fact]], seed: int, agencies: Sequence[str], system: bool = False) -> None:
        for _ in range(4):
            self.steps += 1
            self.attempt_one(of, seed, agencies, system)

    def attempt_one(self, any_of: Sequence[type[Fact]], seed: int, agencies: Sequence[str], system: bool) -> None:
        """One of them gives a command, about one thing or another: the first that may."""
        maker = Maker(f"{seed} {self.steps}", self.now, self.ids, self.new_id, AGENCIES, KINDS)
        of = maker.random.choice([c for c in any_of if maker.can(c)])
        command, order = maker.command(of), list(agencies)
        maker.random.shuffle(order)
        roles = [Role.SYSTEM] if system else [role for role in ROLES if role in roles_for(of)] or [Role.CASE_WORKER]
        maker.random.shuffle(roles)
        self.asked[of.__name__] += 1
        for about in maker.tries(command, MOST_TRIES):
            if of is AskLeadTransfer:
                about = say(of, self.now, transfer=self.new_id(), to=other_of(HONEST, self.lead), reason="r")
            if any(self.attempt(about, agency, role) for agency in order for role in roles[:2]):
                self.accepted[of.__name__] += 1
                return

    def new_id(self) -> UUID:
        self.count += 1
        return an_id(f"new {self.count}")

    def consents(self, agency: str, of: frozenset[str], to: str, purpose: Purpose, lasts: int | None) -> UUID:
        id = self.new_id()
        about = scope(id, to, of, (purpose,), self.now + lasts * HOUR if lasts else None)
        spoken = {"given_by": frozenset({ConsentBy.SURVIVOR}), "obtained": Obtained.VERBAL}
        self.attempt(say(GiveConsent, self.now, **about, **spoken), agency)
        return id

    def refers(self, sender: str, to: str, of: frozenset[str], purpose: Purpose) -> UUID:
        referral = self.new_id()
        fields = draft_fields(referral, to, SERVICES[to], of=of, purpose=purpose)
        self.attempt(say(DraftReferral, self.now, **fields), sender)
        self.attempt(say(SendReferral, self.now, referral=referral), sender)
        return referral

    # What happens

    @initialize(tried=st.sampled_from(("nothing", *TRIED)))
    def it_begins(self, tried: str = "nothing") -> None:
        """With nothing, or with what was once tried, and went well for who tried it."""
        for event in BEGINNING:
            self.take_in(event, LEAD)
        if tried in TRIED:
            TRIED[tried](self)

    @rule(of=words, to=insiders, purpose=purposes, lasts=lasting)
    def the_lead_shares(self, of: frozenset[str], to: str, purpose: Purpose, lasts: int | None) -> None:
        self.consents(self.lead, of, to, purpose, lasts)
        self.refers(self.lead, to, of, purpose)

    @rule(of=words, to=insiders, purpose=purposes)
    def the_lead_refers(self, of: frozenset[str], to: str, purpose: Purpose) -> None:
        """Whoever says that she agreed, or that it may be without her."""
        self.refers(self.lead, to, of, purpose)

    @rule(of=words, to=insiders, purpose=purposes, lasts=lasting)
    def she_consents(self, of: frozenset[str], to: str, purpose: Purpose, lasts: int | None) -> None:
        self.consents(self.lead, of, to, purpose, lasts)

    @rule(seed=seeds)
    def the_lead_does_something(self, seed: int) -> None:
        self.attempt_some(OF_PEOPLE, seed, (self.lead,))

    @rule(by=st.sampled_from((1, 1, 30, 80)))
    def time_passes(self, by: int) -> None:
        self.now += by * HOUR

    @rule(seed=seeds)
    def the_system_raises_something(self, seed: int) -> None:
        self.attempt_some(OF_THE_SYSTEM, seed, (self.lead,), system=True)

    @rule(seed=seeds)
    def insiders_do_something(self, seed: int) -> None:
        self.attempt_some(OF_PEOPLE, seed, INSIDERS)

    @rule(to=insiders, steps=st.integers(1, 3))
    def an_insider_takes_on_what_it_was_sent(self, to: str, steps: int) -> None:
        for referral in [r.id for r in self.there.open_referrals_to(to)]:
            for move in (ReceiveReferral, AcceptReferral, StartReferral)[:steps]:
                self.attempt(say(move, self.now, referral=referral), to)

    @rule(agency=insiders, to=everybody, of=words, purpose=purposes)
    def an_insider_says_that_she_agreed(self, agency: str, to: str, of: frozenset[str], purpose: Purpose) -> None:
        self.consents(agency, of, to, purpose, None)

    @rule(agency=insiders, to=insiders, of=words, purpose=purposes)
    def an_insider_passes_her_on(self, agency: str, to: str, of: frozenset[str], purpose: Purpose) -> None:
        self.consents(agency, of, to, purpose, None)
        self.refers(agency, to, of, purpose)

    @rule(agency=everybody, seed=seeds)
    def it_is_said_that_she_says_less(self, agency: str, seed: int) -> None:
        self.narrow(agency, seed)

    def narrow(self, agency: str, seed: int) -> None:
        """To a part of what a consent covers."""
        self.steps += 1
        standing = [c for c in self.there.consents.values() if c.live and c.compartments]
        if not standing:
            return
        maker = Maker(f"{seed} {self.steps}", self.now, self.ids, self.new_id, AGENCIES, KINDS)
        was = maker.random.choice(standing)
        of = frozenset(c.word for c in was.compartments if maker.random.random() < 0.6)
        about = scope(was.id, was.recipients, of, was.purposes, was.expires_at)
        self.asked["NarrowConsent"] += 1
        if self.attempt(say(NarrowConsent, self.now, **about), agency):
            self.accepted["NarrowConsent"] += 1

    # The doors

    @rule(
        name=st.sampled_from(DOORS),
        agency=insiders,
        role=st.sampled_from(ROLES),
        purpose=st.sampled_from(Purpose),
        number=numbers,
    )
    def an_insider_knocks(self, name: str, agency: str, role: Role, purpose: Purpose, number: int) -> None:
        """At whatever door: a page, a report, a file; now, and as it was."""
        glasses = list(self.there.glasses)
        named = {"agency": agency, "glass": glasses[number % len(glasses)] if glasses else an_id("nothing")}
        by = act(agency, role, self.now, purpose)
        try:
            extent = ask(READINGS[name].rows, self.there, by, named.get).extent
        except Refusal:
            return
        assert extent not in FOR_THE_LEAD_ALONE, f"{agency} is let in at {name}"
        if extent is Extent.OPENABLE:
            self.opens_no_more_than_it_reaches(agency, purpose)
            self.looks_back(agency, 1 + number * len(self.log) // 10)
        else:
            assert extent in {*WITHOUT_CONTENT, Extent.GLASS, Extent.SEALED}, f"what {name} shows is checked nowhere"

    def opens_no_more_than_it_reaches(self, agency: str, purpose: Purpose) -> None:
        account, given = self.account(), self.given(self.account())
        for of, told in self.told_to(agency):
            shown = may_open(Reaches(self.there, self.now), of, told, agency, NETWORK[agency].kind, purpose)
            assert content(shown) <= given, f"{agency} opens {of.topic}"
            for word in content(shown):
                assert account.reaches(agency, word, of.author, purpose), f"{agency} opens {word} for {purpose}"

    def looks_back(self, agency: str, position: int) -> None:
        then = as_of(self.log, position)
        given = self.given(self.account(position, then.at))
        for seen in as_seen_by(then, self.told.get(agency, []), agency, NETWORK[agency].kind):
            if seen.of.author in HONEST:
                assert content(seen.could_open) <= given, f"{agency} could open {seen.of.topic}"

    def told_to(self, agency: str) -> Iterable[tuple[Written, frozenset[Compartment]]]:
        """Of the lead's words with content, those that an agency was told of."""
        for version, told in self.knowledge.told.get(agency, {}).items():
            of = self.log[version - 1]
            if of.author in HONEST and told - {Compartment.COORDINATION}:
                yield of, told

    # What must never come to pass

    @invariant()
    def nobody_opens_what_was_given_to_none_of_them(self) -> None:
        if self.case is None or self.looked_at == (len(self.log), self.now):
            return
        self.looked_at = (len(self.log), self.now)
        given, reaches = self.given(self.account()), Reaches(self.there, self.now)
        for agency in INSIDERS:
            for of, told in self.told_to(agency):
                shown = may_open(reaches, of, told, agency, NETWORK[agency].kind)
                assert content(shown) <= given, f"{agency} opens {of.topic}"

    @invariant()
    def nobody_sees_through_a_glass_more_than_it_was_broken_for(self) -> None:
        if self.case is None or not self.case.glasses:
            return
        behind = self.behind_glass()
        for glass in self.case.glasses.values():
            for agency, role in ((code, role) for code in INSIDERS for role in (Role.CASE_WORKER, Role.SUPERVISOR)):
                person = act(agency, role).actor
                for of in self.log:
                    shown = through_glass(glass, of, agency, person, self.now)
                    assert content(shown) <= behind.get(person, set()), f"{person} sees {of.topic}"

    @invariant()
    def what_the_police_took_is_held_until_they_let_it_go(self) -> None:
        """Whoever rejects, takes back or passes on what meanwhile. Where they wrote in the case, rejecting it does
        not let it go."""
        if self.case is None or any(isinstance(w.event, HoldLifted) for w in self.log):
            return
        theirs = {r.referral for r in self.account().referrals if NETWORK[r.recipient].kind is AgencyKind.POLICE}
        have: set[UUID] = set()
        wrote = holds = False
        for w in self.log:
            if isinstance(w.event, ReferralReceived) and w.event.referral in theirs:
                have.add(w.event.referral)
                holds = True
            elif isinstance(w.event, ReferralRejected) and w.event.referral in theirs:
                have.discard(w.event.referral)
                holds = holds and bool(have or wrote)
            wrote |= w.author == "polres" and w.compartments_present > {Compartment.COORDINATION}
        held = [hold.holder for hold in self.case.holds.values() if hold.of_proceedings]
        assert held == (["polres"] if holds else [])

    @invariant()
    def an_insider_never_leads(self) -> None:
        assert self.case is None or self.case.lead in HONEST


BEGINNING = (
    opened(),
    say(SurvivorIdentified, name="Penyintas A"),
    say(SurvivorContactRecorded, phone="0000", safe_times="mornings"),
    incident(),
    say(NoteRecorded, note=NOTE, **dict.fromkeys(("incident", "health", "psychosocial", "legal", "safety"), "said")),
    clock(NOON + DAY),
    consent(C1, to=("rsud", "lbh"), of=("health",)),
    consent(C2, to="polres", of=("incident",), purposes=(Purpose.LEGAL,)),
    *brought_to(ReferralStatus.IN_PROGRESS, R1, of=("health",), clocks=(CLOCK,)),
    draft(R2, to="polres", service=Service.LAW_ENFORCEMENT, of=("incident",), purpose=Purpose.LEGAL),
    sent(R2),
)
"""The lead wrote in every compartment. The hospital has a referral for her health, the police have one for what
happened; nobody else takes part."""


def content(compartments: Iterable[Compartment]) -> set[str]:
    return {c.word for c in compartments} - {"coordination"}


def is_draft_of(event: Fact, sending: ReferralSent) -> bool:
    return isinstance(event, ReferralDrafted) and event.referral == sending.referral


def other_of(two: Sequence[str], one: str) -> str:
    return two[1] if two[0] == one else two[0]


@pytest.mark.parametrize("tried", TRIED)
def test_what_was_once_tried_opens_nothing(tried: str) -> None:
    tale = Insiders()
    tale.it_begins(tried)
    tale.nobody_opens_what_was_given_to_none_of_them()
    tale.nobody_sees_through_a_glass_more_than_it_was_broken_for()
    tale.what_the_police_took_is_held_until_they_let_it_go()
    for agency in INSIDERS:
        for purpose in Purpose:
            tale.opens_no_more_than_it_reaches(agency, purpose)
        for position in range(1, len(tale.log) + 1):
            tale.looks_back(agency, position)


def test_insiders_who_collude_open_nothing_that_none_of_them_was_given() -> None:
    Insiders.asked.clear()
    Insiders.accepted.clear()
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Insiders,
        settings=settings(max_examples=examples(60), stateful_step_count=40, deadline=None),
    )
    asked, accepted = sum(Insiders.asked.values()), sum(Insiders.accepted.values())
    assert accepted > asked / 6, "most of what they ask for means nothing"
    assert len(Insiders.accepted) > len(COMMANDS) / 3, "they do the same few things"
