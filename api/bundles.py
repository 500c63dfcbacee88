"""Bundles: a case's history in one file for a court. That one was made for whom is an event first (`DiscloseCase`);
each time the file is fetched is a recorded reading."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta
from starlette.responses import Response

from ..domain.case.disclosures import DisclosureMade
from ..domain.casefile.state import Case, compartments_named
from ..domain.refusal import Unknown
from ..domain.standing.readings import BUNDLE
from .application.reading import COORDINATION, Asked
from .application.rooms import Rooms
from .gate import Work
from .reads import BINARY, Content, Read

WITH_REPORTS = Meta(description="with the readable reports (PDF/A, Indonesian and English)")
WAITED_FOR = Meta(description="wait for the witnesses that the policy asks for; 404 until they have cosigned")


def bundle(
    rooms: Rooms,
    asked: Asked,
    known: Case,
    *,
    case: UUID,
    disclosure: UUID,
    reports: Annotated[bool, WITH_REPORTS] = True,
    witnessed: Annotated[bool, WAITED_FOR] = True,
) -> Response:
    story = rooms.casework.written(case)
    made = next((w for w in story if isinstance(w.event, DisclosureMade) and w.event.disclosure == disclosure), None)
    if made is None or not isinstance(made.event, DisclosureMade):
        raise Unknown(what="disclosure")
    rooms.lists.wait(made.position)
    names = {
        code: (found.name, found.name_en or "")
        for code in {w.author for w in story} | {r.recipient for r in known.referrals.values()}
        if (found := rooms.network.get(code)) is not None
    }
    content = rooms.reading.bundle(
        asked,
        case,
        disclosure,
        names,
        compartments_named(made.event.compartments) | COORDINATION,
        f"{made.event.basis.value}: {made.event.rule}",
        reports=reports,
        witnessed=witnessed,
    )
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{disclosure}.rujukan.zip"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, 200, headers, "application/zip")


READS = (
    Read(
        "/cases/{case}/disclosures/{disclosure}/bundle",
        bundle,
        Content({"application/zip": BINARY}, "A ZIP file; `rujukan verify` checks it"),
        "legal file",
        BUNDLE,
        work=Work.LONG,
        summary="The bundle of a disclosure: one file, to be verified offline",
    ),
)
