"""On what a reading stands: the words that are recorded with it."""

from datetime import timedelta
from uuid import UUID, uuid4

from msgspec.structs import replace
from story import (
    C1,
    C2,
    C3,
    DAY,
    NOON,
    R1,
    brought_to,
    consent,
    opened,
    override,
    reported,
    say,
    sent,
    the_case,
    withdrawn,
)

from rujukan.domain.access import GROUNDS, LONGEST_BASIS, basis_of, codes_of
from rujukan.domain.case.confirming import ConsentConfirmed
from rujukan.domain.case.consents import ConsentNarrowed
from rujukan.domain.casefile.state import Case
from rujukan.domain.codes import AgencyKind, ConsentBy, LegalBasis, Obtained, ReferralStatus
from rujukan.domain.compartment import Compartment

C = Compartment
ACCEPTED = brought_to(ReferralStatus.ACCEPTED)


def basis(case: Case, *shown: Compartment, agency: str = "rsud", after: timedelta = timedelta(0)) -> str:
    return basis_of(case, agency, AgencyKind.HEALTH, shown, NOON + after)


def test_what_an_agency_wrote_itself_it_reads_as_its_own() -> None:
    assert basis_of(the_case(opened()), "rsud", AgencyKind.HEALTH, (C.HEALTH,), NOON, ["rsud"]) == "own"


def test_a_reading_under_consent_names_the_consent_and_the_referral() -> None:
    case = the_case(opened(), consent(C1), consent(C2, of=("legal",)), *ACCEPTED)
    assert basis(case, C.COORDINATION, C.HEALTH) == f"consent {C1}; referral {R1}"
    assert basis(case, C.COORDINATION) == f"referral {R1}"


def test_a_reading_in_the_place_of_consent_names_the_legal_basis_and_its_rule() -> None:
    case = the_case(opened(), override(C1), *ACCEPTED)
    assert basis(case, C.HEALTH) == f"override {C1} imminent-danger: UU 12/2022; referral {R1}"


def test_a_narrowed_override_still_names_its_rule() -> None:
    narrowed = say(
        ConsentNarrowed,
        consent=C1,
        compartments=frozenset({"health"}),
        recipients=frozenset({"rsud"}),
        purposes=frozenset({"care"}),
    )
    assert "imminent-danger: UU 12/2022" in basis(the_case(opened(), override(C1), narrowed), C.HEALTH)


def test_the_lead_reads_as_the_lead_and_its_content_under_consent() -> None:
    case = the_case(opened(), consent(C3, to="uptd-ppa", of=("health",)))
    assert basis(case, C.COORDINATION, agency="uptd-ppa") == "lead"
    assert basis(case, C.COORDINATION, C.HEALTH, agency="uptd-ppa") == f"consent {C3}; lead"


def test_what_was_once_addressed_to_it_an_agency_reads_because_it_was_told() -> None:
    ended = the_case(opened(), consent(C1), *brought_to(ReferralStatus.COMPLETED), withdrawn(C1))
    assert basis(ended, C.COORDINATION, C.HEALTH) == "told"


def test_a_consent_that_was_reported_is_a_basis_where_it_holds_and_nowhere_else() -> None:
    heard = reported(of=("health", "psychosocial"))
    for_health = brought_to(ReferralStatus.IN_PROGRESS, of=("health",))
    case = the_case(opened(), consent(C1, of=("health",)), *for_health, heard)
    assert basis(case, C.HEALTH) == f"consent {C1}; consent {C2}; referral {R1}"
    assert basis(case, C.PSYCHOSOCIAL) == "told"
    said = say(ConsentConfirmed, consent=C2, given_by=frozenset({ConsentBy.SURVIVOR}), obtained=Obtained.VERBAL)
    confirmed = the_case(opened(), consent(C1, of=("health",)), *for_health, heard, said)
    assert basis(confirmed, C.PSYCHOSOCIAL) == f"consent {C2}"
    onward = the_case(opened(), consent(C1, of=("health",)), *for_health, reported(to="lbh", of=("psychosocial",)))
    of = {
        by: basis_of(onward, "lbh", AgencyKind.LEGAL_AID, (C.PSYCHOSOCIAL,), NOON, [by]) for by in ("rsud", "uptd-ppa")
    }
    assert of == {"rsud": f"consent {C2}", "uptd-ppa": "told"}, "of its reporter's words, and of nobody else's"


def test_an_expired_consent_is_no_basis() -> None:
    case = the_case(opened(), consent(C1, until=NOON + DAY), *brought_to(ReferralStatus.DRAFT), sent())
    assert basis(case, C.HEALTH, after=DAY) == f"referral {R1}"


def test_many_bases_fit_and_overrides_are_named_first() -> None:
    case = the_case(opened(), *(consent(UUID(int=n)) for n in range(60)), override(uuid4()))
    said = basis(case, C.HEALTH)
    assert said.startswith("override ")
    assert len(said) <= LONGEST_BASIS
    kept = said.count("consent ")
    assert said.endswith(f"and {60 - kept} more")
    long = replace(next(c for c in case.consents.values() if c.override), rule="r" * 200)
    many = replace(case, consents={uuid4(): replace(long, basis=LegalBasis.COURT_ORDER) for _ in range(9)})
    assert len(basis(many, C.HEALTH)) <= LONGEST_BASIS


def test_a_column_in_clear_has_ids_and_codes_and_nothing_that_was_typed() -> None:
    typed = replace(override(C1), rule="Penetapan 12; consent rahasia; lead rahasia: x")
    case = the_case(opened(), typed, consent(C2), *ACCEPTED)
    said = basis(case, C.HEALTH)
    assert "Penetapan 12, consent rahasia, lead rahasia: x" in said
    assert codes_of(said) == f"override {C1} imminent-danger; consent {C2}; referral {R1}"
    assert codes_of("survivor-request: UU 27/2022") == "survivor-request"
    assert codes_of("what somebody typed; Typed; break-glass: takut") == "break-glass"
    assert all(codes_of(ground) == ground for ground in GROUNDS)
