"""Insiders who would keep others' people from a case, or themselves from being kept out of it: two agencies that make
anybody their member, and one supervisor of the lead, over files of one case, in any order. What each may, an account
says that looks at the network and at who asks, and at nobody else's part in the case: so no answer tells of that."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from story import LEAD, act, an_id, brought_to, consent, say
from test_files_of_one_case import FILES, OF, Desk

from rujukan.domain.agency import MemberJoined, agency_stream
from rujukan.domain.case.staffing import EndExclusion, ExcludePerson
from rujukan.domain.casefile.remaining import agencies_of
from rujukan.domain.casefile.staff import Staff
from rujukan.domain.codes import ReferralStatus, Role, Service
from rujukan.domain.fact import ActorId
from rujukan.domain.refusal import Refusal
from rujukan.domain.standing.roles import REVIEW

S = ReferralStatus
FRIENDS = {"dinsos": Service.SOCIAL_REHABILITATION, "lbh": Service.LEGAL_AID}
"""Agencies whose people all collude."""
OWN = {ActorId(an_id(f"clerk of {agency}")): agency for agency in FRIENDS}
THEIRS = {*OWN, *(who for who, agency in OF.items() if agency in FRIENDS)}
ANYBODY = sorted({*OF, *OWN})
AT_WORK = ("uptd-ppa", "rsud")

files, friends, anybody = st.sampled_from(FILES), st.sampled_from(sorted(FRIENDS)), st.sampled_from(ANYBODY)


class Excluding(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.parts: dict[tuple[UUID, str], S] = {}
        self.merged: set[UUID] = set()
        self.by_friends: set[ActorId] = set()
        for who, agency in OWN.items():
            self.hires(agency, who)
        for agency in FRIENDS:
            chief = act(agency, Role.SUPERVISOR).actor
            self.desk.log.write(
                agency_stream(agency),
                LEAD,
                say(MemberJoined, member=chief, roles=frozenset({Role.SUPERVISOR}), name="N"),
            )
        for file in FILES[:2]:
            self.desk.log.write(file, LEAD, *brought_to(S.IN_PROGRESS, an_id(f"work {file}")))

    def refuses(self, attempt: Any) -> Refusal | None:
        self.desk.pass_time()
        self.desk.casework.network._known.clear()  # nobody waits for a second
        try:
            attempt()
        except Refusal as refusal:
            return refusal
        return None

    # What they do

    @rule(agency=friends, who=anybody)
    def hires(self, agency: str, who: ActorId) -> None:
        """Its administrator alone makes somebody a case worker of it."""
        if who not in self.desk.casework.network[agency].members:
            joined = say(MemberJoined, member=who, roles=frozenset({Role.CASE_WORKER}), name="N")
            self.desk.log.write(agency_stream(agency), LEAD, joined)
            self.desk.casework.network.forget(agency)

    @rule(agency=friends, file=files, status=st.sampled_from([S.REQUESTED, S.IN_PROGRESS, S.CANCELLED, S.REJECTED]))
    def takes_part(self, agency: str, file: UUID, status: S) -> None:
        if (file, agency) not in self.parts and file not in self.merged:
            self.parts[file, agency] = status
            id = an_id(f"{agency} in {file}")
            of = {"to": agency, "service": FRIENDS[agency], "of": ("contact",)}
            self.desk.log.write(file, LEAD, consent(id, to=agency, of=("contact",)), *brought_to(status, id, **of))

    @rule(n=st.integers(0, 2), other=st.integers(1, 2))
    def merge(self, n: int, other: int) -> None:
        file, into = FILES[n], FILES[(n + other) % 3]
        if self.refuses(lambda: self.desk.merge(file, into)) is None:
            self.merged.add(file)

    @rule(agency=friends, file=files, who=st.none() | anybody, hired=st.booleans())
    def a_friend_excludes(self, agency: str, file: UUID, who: ActorId | None, hired: bool) -> None:
        """Its own clerk, or another: it may what its part and the network say, whoever else takes part."""
        who = who or next(clerk for clerk, of in OWN.items() if of == agency)
        if hired:
            self.hires(agency, who)
        network = self.desk.casework.network
        theirs = [one.code for one in agencies_of(network, {who})]
        its_own = theirs == [agency] and not network[agency].has_member(who, REVIEW)
        in_part = any(r.recipient == agency and r.status.is_open for r in self.desk.case(file).referrals.values())
        out = who in self.desk.excluded(file)
        said = say(ExcludePerson, exclusion=uuid4(), person=who, member_of=agency, reason="r")
        refused = self.refuses(lambda: self.desk.says(said, self.desk.by(agency), file))
        if refused is None:
            assert its_own
            assert in_part
            self.by_friends.add(who)
        elif agency in theirs and in_part and not out:
            assert not its_own or "somebody who can work" in str(refused), "the last of its own is kept"

    @rule(file=files, who=anybody, as_one_of=st.sampled_from(["uptd-ppa", "rsud", *FRIENDS]))
    def one_of_the_lead_excludes(self, file: UUID, who: ActorId, as_one_of: str) -> None:
        """Alone: it is done at once, or waits for ever."""
        said = say(ExcludePerson, exclusion=uuid4(), person=who, member_of=as_one_of, reason="r")
        self.refuses(lambda: self.desk.says(said, self.desk.by("uptd-ppa"), file))

    # What must never come to pass

    @invariant()
    def no_friend_keeps_another_agency_s_people_out(self) -> None:
        assert self.by_friends <= THEIRS

    @invariant()
    def one_alone_keeps_none_of_the_lead_out_and_of_another_s_one(self) -> None:
        for file in FILES:
            out = self.desk.excluded(file)
            assert not [who for who in out if OF.get(who) == "uptd-ppa"]
            if not self.merged:
                assert len([who for who in out if OF.get(who) == "rsud"]) <= 1

    @invariant()
    def whoever_is_at_work_has_somebody_who_sees_it(self) -> None:
        for file in FILES:
            out = self.desk.excluded(file)
            for agency in AT_WORK:
                left = {who: r for who, r in self.desk.casework.network[agency].members.items() if who not in out}
                assert any(Role.SUPERVISOR in roles for roles in left.values())

    def teardown(self) -> None:
        """Nobody made themself one whom the lead cannot exclude, and none is out for good."""
        for file in FILES:
            for id in list(self.desk.case(file).of(Staff).exclusions):
                if id in self.desk.case(file).of(Staff).exclusions:
                    ends = say(EndExclusion, exclusion=id, reason="r")
                    self.refuses(lambda ends=ends, file=file: self.desk.two_say(ends, "uptd-ppa", file))
        assert not any(self.desk.excluded(file) for file in FILES)
        for who in ANYBODY:
            theirs = [one.code for one in agencies_of(self.desk.casework.network, {who})]
            parts = self.desk.case(FILES[0]).participants()
            named = next((c for c in ("uptd-ppa", *theirs) if c in theirs and c in parts), theirs[0])
            said = say(ExcludePerson, exclusion=(id := uuid4()), person=who, member_of=named, reason="r")
            refused = self.refuses(lambda said=said: self.desk.as_many_say(said, self.desk.by("uptd-ppa"), FILES[0]))
            assert refused is None, (who, refused)
            self.desk.two_say(say(EndExclusion, exclusion=id, reason="r"), "uptd-ppa", FILES[0])


@pytest.mark.thorough
def test_insiders_keep_out_nobody_but_their_own_and_nobody_is_kept_in() -> None:
    run_state_machine_as_test(Excluding, settings=settings(max_examples=80, stateful_step_count=20, deadline=None))
