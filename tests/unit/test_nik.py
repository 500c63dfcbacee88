"""NIK: area, date of birth with 40 added to a woman's day, serial."""

from datetime import date

import pytest
from story import given, opened, say

from rujukan.domain.case.identity import IdentifySurvivor, SurvivorIdentified
from rujukan.domain.codes import Sex
from rujukan.domain.nik import warning
from rujukan.domain.persons import Identifier, NikWarning

WOMANS, MANS = "6474014107120001", "6474010107120001"


@pytest.mark.parametrize(
    ("nik", "sex"), [(WOMANS, Sex.FEMALE), (MANS, Sex.MALE), (WOMANS, Sex.UNKNOWN), (WOMANS, None)]
)
def test_a_number_that_fits_is_accepted(nik, sex):
    assert warning(nik, date(2012, 7, 1), sex) is None
    assert warning(nik, None, sex) is None


@pytest.mark.parametrize(
    "nik",
    [
        "6474013207120001",
        "6474010007120001",
        "6474010113120001",
        "6474017207120001",
        "6474010107120000",
        "0074010107120001",
    ],
)
def test_a_number_without_a_date_area_and_serial_is_none(nik):
    assert warning(nik, None, Sex.UNKNOWN)


def test_what_does_not_fit_is_said_and_nothing_of_the_number():
    assert warning(WOMANS, None, Sex.MALE) is NikWarning.OTHER_SEX
    assert warning(MANS, None, Sex.FEMALE) is NikWarning.OTHER_SEX
    assert warning(WOMANS, date(2012, 7, 2), Sex.FEMALE) is NikWarning.OTHER_BIRTH


@pytest.mark.parametrize("said", [{"born_on": date(2012, 7, 2)}, {"sex": Sex.MALE}, {"nik": "6474010000000000"}])
def test_a_number_that_does_not_fit_is_kept_with_a_warning(said):
    command = say(IdentifySurvivor, **{"name": "A", "nik": WOMANS, **said})
    event = given(opened()).when(command).events[0]
    assert isinstance(event, SurvivorIdentified)
    assert event.nik == command.nik
    assert event.nik_warning is warning(command.nik, command.born_on, command.sex) is not None


def test_what_is_no_nik_has_its_kind():
    passport = say(IdentifySurvivor, name="A", identifier=Identifier.PASSPORT, identifier_number="X 12")
    assert given(opened()).when(passport).events[0].identifier is Identifier.PASSPORT
    given(opened()).when(say(IdentifySurvivor, name="A", identifier=Identifier.NONE)).then_only(SurvivorIdentified)
