"""What a read may be asked: parsed by its types, refused in words that repeat nothing."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

import pytest
from msgspec import Meta
from starlette.datastructures import Headers, QueryParams

from rujukan.api.cursors import next_page
from rujukan.api.parameters import USUAL, WAIT, Limit, parameters_of, read_all, refuse_unknown
from rujukan.api.problems import BadRequest
from rujukan.domain.codes import ReferralStatus
from rujukan.domain.history import When
from rujukan.domain.refusal import Unknown
from rujukan.projections.listing import IN_FUTURE, Instant, Positive

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)


def asked(
    rooms: object,
    *,
    case: UUID,
    status: ReferralStatus | None = None,
    relation: Literal["lead", "former"] | None = None,
    all: Annotated[bool, Meta(description="also those met")] = False,
    as_of: When | None = None,
    since: Instant | None = None,
    until: Annotated[datetime, Meta(tz=True, extra=IN_FUTURE)] | None = None,
    from_: Positive | None = None,
    limit: Limit = USUAL,
    cursor: tuple[Instant, UUID] | None = None,
    last_event: Annotated[Positive, Meta(extra={"header": "Last-Event-ID"})] | None = None,
) -> None:
    """A read that may be asked everything."""


PARAMETERS = parameters_of(asked, "/cases/{case}/things", ("rooms",))
CASE = UUID("7d0c5e0e-52b5-4a53-9d7b-0f4f7f3f6c11")


class Said:
    """A request, as far as it is read."""

    def __init__(self, case: str = str(CASE), header: str | None = None, **query: str) -> None:
        self.path_params = {"case": case}
        self.query_params = QueryParams({name.rstrip("_"): said for name, said in query.items()})
        self.headers = Headers({"Last-Event-ID": header} if header is not None else {})


def read(said: Said) -> dict[str, object]:
    return read_all(PARAMETERS, said, NOW)  # type: ignore[arg-type]


def test_what_is_not_said_is_as_the_function_has_it() -> None:
    found = read(Said())
    assert (found.pop("case"), found.pop("limit"), found.pop("all")) == (CASE, USUAL, False)
    assert set(found.values()) == {None}


@pytest.mark.parametrize(
    ("name", "said", "value"),
    [
        ("status", "on-hold", ReferralStatus.ON_HOLD),
        ("relation", "former", "former"),
        ("all", "true", True),
        ("all", "false", False),
        ("as_of", "17", 17),
        ("as_of", "2026-03-03T12:00+08:00", datetime(2026, 3, 3, 4, tzinfo=UTC)),
        ("as_of", "2026-03-03T12:00:00 08:00", datetime(2026, 3, 3, 4, tzinfo=UTC)),
        ("since", "2026-03-03T12:00:00Z", NOW),
        ("until", "2030-01-01T00:00:00Z", datetime(2030, 1, 1, tzinfo=UTC)),
        ("from_", "0", 0),
        ("limit", "500", 500),
        ("cursor", next_page((NOW, CASE)), (NOW, CASE)),
    ],
)
def test_a_value_has_the_type_of_its_parameter(name: str, said: str, value: object) -> None:
    assert read(Said(**{name: said}))[name] == value


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("status", "RAHASIA"),
        ("status", "null"),
        ("relation", "recipient"),
        ("all", "1"),
        ("all", "True"),
        ("as_of", "-1"),
        ("as_of", "2026-03-03T12:00:00"),
        ("as_of", "2027-01-01T00:00:00Z"),
        ("as_of", "9" * 30),
        ("since", "17"),
        ("since", "2027-01-01T00:00:00Z"),
        ("until", "tomorrow"),
        ("from_", "1.0"),
        ("from_", "1e2"),
        ("from_", "-1"),
        ("from_", "١"),
        ("limit", "0"),
        ("limit", "501"),
        ("limit", "00001"),
        ("limit", "null"),
        ("cursor", "RAHASIA"),
        ("cursor", next_page((17,))),
        ("cursor", next_page((NOW, CASE, 1))),
    ],
)
def test_what_does_not_fit_is_refused_by_its_name(name: str, said: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(Said(**{name: said}))
    assert (refused.value.status, refused.value.name) == (400, "BadQuery")
    assert refused.value.more["parameter"] == name.rstrip("_")
    assert refused.value.detail.startswith(name.rstrip("_"))
    assert "RAHASIA" not in refused.value.detail


def test_an_address_that_can_be_none_leads_nowhere() -> None:
    with pytest.raises(Unknown):
        read(Said(case="RAHASIA"))


def test_a_header_is_read_by_its_name() -> None:
    assert read(Said(header="12"))["last_event"] == 12
    with pytest.raises(BadRequest):
        read(Said(header="RAHASIA"))


def test_what_may_not_be_asked_is_named_and_what_may_be_too() -> None:
    with pytest.raises(BadRequest) as refused:
        read(Said(statuss="open"))
    assert refused.value.more["parameter"] == "statuss"
    assert refused.value.more["allowed"][:3] == ["status", "relation", "all"]
    assert "last_event" not in refused.value.more["allowed"]


def test_what_can_be_no_name_of_a_parameter_is_not_repeated() -> None:
    with pytest.raises(BadRequest) as refused:
        refuse_unknown(QueryParams({"Melati binti A": ""}), ["status"])
    assert "parameter" not in refused.value.more
    assert "Melati" not in refused.value.detail


def test_what_is_needed_has_to_be_said() -> None:
    def needs(*, actor: UUID) -> None: ...

    with pytest.raises(BadRequest) as refused:
        read_all(parameters_of(needs, "/people"), Said(), NOW)  # type: ignore[arg-type]
    assert refused.value.detail == "actor is needed."


def test_the_contract_shows_bounds_codes_and_what_they_mean() -> None:
    shown = {p.name: p.document() for p in PARAMETERS}
    assert shown["case"]["required"]
    assert shown["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 500, "default": USUAL}
    assert shown["status"]["schema"] == {"$ref": "#/components/schemas/ReferralStatus"}
    assert shown["relation"]["schema"] == {"enum": ["former", "lead"]}
    assert shown["all"]["description"] == "also those met"
    assert shown["as_of"]["schema"]["anyOf"][1] == {"type": "string", "format": "date-time"}
    assert (shown["from"]["in"], shown["Last-Event-ID"]["in"]) == ("query", "header")


def test_a_cursor_is_what_a_page_ended_with() -> None:
    later = NOW + timedelta(microseconds=1)
    assert read(Said(cursor=str(next_page((later, CASE)))))["cursor"] == (later, CASE)
    assert next_page(None) is None


@pytest.mark.parametrize("said", ["", "soon", "-1", "1.5", "1" * 19, "٣"])
def test_what_is_no_position_cannot_be_waited_for(said: str) -> None:
    with pytest.raises(BadRequest) as refused:
        WAIT.read(said, NOW)
    assert (refused.value.status, refused.value.more["parameter"]) == (400, "wait_for")
