"""NIK: area, date of birth with 40 added to a woman's day, serial."""

from datetime import date

import pytest

from rujukan.domain.codes import Sex
from rujukan.domain.nik import contradiction
from rujukan.domain.refusal import Invalid

WOMANS, MANS = "6474014107120001", "6474010107120001"


@pytest.mark.parametrize(
    ("nik", "sex"), [(WOMANS, Sex.FEMALE), (MANS, Sex.MALE), (WOMANS, Sex.UNKNOWN), (WOMANS, None)]
)
def test_a_number_that_fits_is_accepted(nik, sex):
    assert contradiction(nik, date(2012, 7, 1), sex) is None
    assert contradiction(nik, None, sex) is None


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
    assert contradiction(nik, None, Sex.UNKNOWN)


def test_a_number_that_contradicts_sex_or_birth_is_refused():
    assert contradiction(WOMANS, None, Sex.MALE)
    assert contradiction(MANS, None, Sex.FEMALE)
    assert contradiction(WOMANS, date(2012, 7, 2), Sex.FEMALE)


def test_the_refusal_repeats_nothing_of_the_number():
    must = contradiction(WOMANS, None, Sex.MALE)
    assert must is not None
    assert WOMANS not in str(Invalid(field="nik", must=must))
