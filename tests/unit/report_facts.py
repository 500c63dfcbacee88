"""Facts of a made-up case for reports, and a signer's certificate made on the spot."""

from datetime import UTC, datetime, timedelta
from typing import Any

from rujukan.infra.report import facts as f

AT = datetime(2026, 3, 3, 12, 0, 0, 654321, tzinfo=UTC)
HOUR = timedelta(hours=1)
SAID = "RAHASIA-KESEHATAN"
"""Nobody gives it to the report; the tests look for it all the same."""


def an_event(position: int = 8, **more: Any) -> f.Event:
    told: dict[str, Any] = {
        "position": position,
        "version": position - 6,
        "topic": "case.IncidentRecorded",
        "recorded_at": AT,
        "occurred_at": AT - HOUR,
        "agency": "dp3akb",
        "actor": "0f0e0d0c-0000-4000-8000-000000000001",
        "leaf_hash": "ab" * 32,
        "fields": (
            f.Field(name="gbv_type", compartment="incident", value="sexual-assault"),
            f.Field(name="forms", compartment="incident", value=("fisik", "seksual")),
            f.Field(name="happened_at", compartment="incident", value="2026-03-03T18:00:00+08:00"),
            f.Field(name="domestic", compartment="incident", value=True),
            f.Field(name="narrative", compartment="incident", value="Uraian pertama.\nBaris kedua."),
        ),
    }
    return f.Event(**(told | more))


def facts(**more: Any) -> f.ReportFacts:
    told: dict[str, Any] = {
        "network": "bontang",
        "case": "5a0e3b1e-0000-4000-8000-00000000000c",
        "bundle": "9d3c-bundle",
        "recipient": "Pengadilan Negeri Bontang",
        "basis": "Penetapan 12/Pen.Pid/2026/PN Bon",
        "as_of": AT + 20 * HOUR,
        "position": 40,
        "made_at": AT + 24 * HOUR,
        "made_by": "0f0e0d0c-0000-4000-8000-000000000002",
        "made_for": "dp3akb",
        "disclosed": ("coordination", "incident", "legal"),
        "withheld": ("health", "identity", "contact"),
        "agencies": (
            f.Agency(code="dp3akb", name="Dinas P3AKB", name_en="Women's Office"),
            f.Agency(code="rsud", name="RSUD Taman Husada"),
        ),
        "events": (
            f.Event(
                position=7,
                version=1,
                topic="case.CaseOpened",
                recorded_at=AT - HOUR,
                occurred_at=AT - HOUR,
                agency="dp3akb",
                fields=(
                    f.Field(name="lead", compartment="coordination", value="dp3akb"),
                    f.Field(name="urgency", compartment="coordination", value="emergency"),
                ),
            ),
            an_event(),
            an_event(9, topic="case.NoteRecorded", fields=(), withheld=("health",), erased=()),
            an_event(10, topic="", fields=(), occurred_at=None, wholly_withheld=True),
            an_event(
                11,
                topic="case.ConsentGiven",
                fields=(
                    f.Field(name="recipients", compartment="coordination", value=("kind:police", "rsud")),
                    f.Field(name="compartments", compartment="coordination", value=("health", "incident")),
                ),
            ),
        ),
        "led": (f.Led(agency="dp3akb", since=AT - HOUR),),
        "referrals": (
            f.Referral(
                referral="r-1",
                sender="dp3akb",
                recipient="rsud",
                status="in-progress",
                service="visum",
                urgency="urgent",
                due_at=AT + 3 * HOUR,
                custody=(
                    f.Holding(agency="dp3akb", status="requested", since=AT, until=AT + HOUR),
                    f.Holding(agency="rsud", status="in-progress", since=AT + HOUR),
                ),
            ),
        ),
        "clocks": (
            f.Clock(
                clock="c-1",
                need="forensic-evidence",
                starts_at=AT,
                due_at=AT + 72 * HOUR,
                state="met",
                met_at=AT + HOUR,
                held_by=("rsud",),
            ),
            f.Clock(clock="c-2", starts_at=AT, due_at=AT + 2 * HOUR, state="breached", held_by=("rsud",)),
        ),
        "documents": (
            f.Document(
                document="d-1",
                kind="visum",
                compartment="health",
                media_type="application/pdf",
                size=12345,
                sha256="cd" * 32,
                disclosed=False,
                attached_at=AT,
            ),
            f.Document(
                document="d-2",
                kind="police-report",
                compartment="legal",
                media_type="application/pdf",
                size=99,
                sha256="ef" * 32,
                disclosed=True,
                file="documents/d-2",
            ),
        ),
        "accesses": (
            f.Access(
                position=12,
                at=AT + HOUR,
                agency="rsud",
                role="case-worker",
                purpose="care",
                compartments=("coordination", "health"),
                basis="consent",
                what="timeline",
                reader="0f0e0d0c-0000-4000-8000-000000000003",
            ),
        ),
        "ledger": f.Ledger(
            origin="log.example/bontang",
            size=41,
            root_hash="abcdef12345678901234567890123456789012345678901234567890123456ab",
            log_key="log.example/bontang+00000000+AAAA",
            witnesses=(f.Witness(name="rsud.example", algorithm="Ed25519", at=AT + 21 * HOUR, key_id="0badcafe"),),
            witnesses_needed=1,
            checkpoint="log.example/bontang\n41\nq83v...\n\n— log.example/bontang AAAA\n",
        ),
    }
    return f.ReportFacts(**(told | more))
