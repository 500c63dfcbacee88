"""After a recovery what the register has is told anew; and what agencies had to delete stays deleted."""

from uuid import UUID, uuid4

import fetching
import psycopg
import pytest
from fetching import Place, consent_of, fetched
from office import catch_up

from rujukan.consumers.wire.envelope import Attributes
from rujukan.domain.case.consents import NarrowConsent, WithdrawConsent
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.codes import Purpose, Service
from rujukan.infra import composition
from rujukan.infra.delivery import recovering
from rujukan.infra.keys import names
from rujukan.infra.settings import Settings

place = fetching.place


@pytest.mark.thorough
def test_after_a_recovery_what_was_recalled_is_not_told_anew_and_what_is_consented_to_anew_is(
    place: Place, settings: Settings
) -> None:
    """Of one case all had to be deleted, of another a part, of the third nothing."""
    office = place.office
    withdrawn, narrowed, kept = cases = [office.opens(composition.now()) for _ in range(3)]
    both = frozenset({"health", "incident"})
    for case in cases:
        office.consents(case, "rsud", *both)
        office.refers(case, "rsud", Service.HEALTH, compartments=both)
        office.does("uptd-ppa", case, RecordNote, note=uuid4(), health="h", incident="i")
    catch_up(settings)
    scope = {"recipients": frozenset({"rsud"}), "purposes": frozenset({Purpose.CARE})}
    less = frozenset({"incident"})
    office.does("uptd-ppa", narrowed, NarrowConsent, consent=consent_of(office, narrowed), compartments=less, **scope)
    office.does("uptd-ppa", withdrawn, WithdrawConsent, consent=consent_of(office, withdrawn))
    catch_up(settings)
    _recovered(settings)

    def notes(case: UUID) -> list[tuple[object, object]]:
        told = fetched(settings, place, case).of_case
        sent = [d.fields() for d in told if d.topic == "case.NoteRecorded"]
        return [(said.get("health"), said.get("incident")) for said in sent]

    assert (notes(withdrawn), notes(narrowed), notes(kept)) == ([], [(None, "i")], [("h", "i")])
    for case in (withdrawn, narrowed):
        office.consents(case, "rsud", *both)
        office.refers(case, "rsud", Service.HEALTH, compartments=both)
    catch_up(settings)
    assert notes(withdrawn) == [("h", "i")]
    assert "h" in [health for health, _ in notes(narrowed)]
    assert notes(kept) == [("h", "i")]


def _recovered(settings: Settings) -> None:
    """As after `rujukan recover`: the hospital was told something else under its first number."""
    lost = Attributes(
        id=str(uuid4()),
        source="urn:rujukan:x",
        subject="rsud",
        sequence="1",
        casesequence="1",
        position="999",
        caseversion="1",
        schemaversion="1",
        keyid="",
        correlation="x",
        partitionkey="y",
    )
    with composition.Node(settings, names.PUBLISHING, 2) as node, psycopg.connect(settings.database) as db:
        recovering.take_in(db, recovering.lost(db, "rsud", {1: lost}), node.sealing, composition.now())
