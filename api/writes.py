"""The routes that write: one for each action of the table."""

from typing import Any
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ..domain.agency_keys import RegisterKey
from ..domain.case.glass import BreakGlass, CloseGlass
from ..domain.fact import Act, AgencyCode, CaseId, Fact, ProposalId
from ..domain.named import suspended
from ..domain.refusal import Invalid, NotTold
from ..domain.webhook import AddressRefused, ReplayWebhook, SetWebhook
from ..domain.words import Words
from .actions import AGENCY_ACTIONS, CASE_ACTIONS, OPENING, PROPOSAL_ACTIONS, Action
from .application.casework import Done
from .application.kinds import AGENCY, CASE
from .application.proposing import proposal_on
from .application.rooms import Rooms
from .contract import write_operation
from .gate import Work
from .identity import Caller
from .misfit import misfit
from .problems import unreadable
from .requests import correlation_of, expected_version, fields_of, id_of, read_body, sent, unsaid_in
from .secrets import nik_index
from .serving import Door

EMERGENCIES: frozenset[type[Fact]] = frozenset({BreakGlass, CloseGlass})
"""Commands that have room of their own."""


MADE_BY_THE_SERVICE = Words("tidak diisi: dibuat oleh layanan", "nothing: the service makes it")
_CAN_BE_SEALED_TO = Words("harus kunci yang dapat dipakai menyegel pesan", "be one that a message can be sealed to")


class Stored(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a write answers: the id it made, the new version, its position in the log, which a read may ask to wait
    for, and where its receipt will be: the proof that it is in the ledger (C2SP tlog-proof), once it is sealed."""

    version: int
    position: int
    receipt: str
    id: str | None = None
    waits: bool = False
    """It takes a second person, and nothing is done yet (202): `id` is that of the proposal."""
    suspended: list[str] = []
    """Agencies that were named and are suspended: what was said of them stands, and nothing reaches them until they
    are taken back. Somebody else may have to be asked."""


def add_routes(door: Door) -> None:
    """One POST for each action."""
    rooms = door.rooms

    def perform(action: Action, request: Request, body: bytes, caller: Caller) -> Response:
        act = door.giving(request, caller, action.command)
        fields = fields_of(action, request, body, act)
        if "nik_index" in action.command.__struct_fields__:
            _index_nik(fields, rooms)
        made = uuid4() if action is OPENING else None
        command = read_body(action.command, fields, unsaid_in(action))
        if isinstance(command, RegisterKey):
            _check_key(command, rooms)
        if isinstance(command, SetWebhook):
            _check_url(command, rooms)
        if isinstance(command, ReplayWebhook) and request.path_params["code"] == caller.agency:
            _check_told(command, rooms, caller.agency)  # of others nothing is said, before the table is asked
        correlation, expected, again = correlation_of(request), expected_version(request), sent(request, body)
        if action in AGENCY_ACTIONS:
            code = str(fields.get("code") or request.path_params["code"])
            done = rooms.casework.handle(
                AGENCY, code, command, act, correlation=correlation, expected=expected, sent=again
            )
            return stored(door, done, action, request, act, command)
        if action in PROPOSAL_ACTIONS:
            proposal = ProposalId(id_of(request.path_params["proposal"]))
            kind = proposal_on(rooms.casework)
            done = rooms.casework.handle(kind, proposal, command, act, correlation=correlation, sent=again)
            return stored(door, done, action, request, act, command)
        case = CaseId(id_of(made if made is not None else request.path_params["case"]))
        minted = fields.get(action.mints) if action.mints and action is not OPENING else made
        done = rooms.casework.handle(
            CASE,
            case,
            command,
            act,
            correlation=correlation,
            made=id_of(minted) if minted is not None else None,
            expected=expected,
            sent=again,
        )
        return stored(door, done, action, request, act, command)

    def add(action: Action) -> None:
        door.post(
            action.path,
            lambda request, body, caller: perform(action, request, body, caller),
            write_operation(action),
            name=action.command.__name__,
            summary=(action.command.__doc__ or "").split("\n")[0].rstrip(".;"),
            tag=action.tag,
            status=201 if action.mints else 200,
            work=Work.EMERGENCY if action.command in EMERGENCIES else Work.COMMAND,
        )

    for action in (OPENING, *CASE_ACTIONS, *AGENCY_ACTIONS, *PROPOSAL_ACTIONS):
        add(action)


def stored(door: Door, done: Done, action: Action, request: Request, act: Act, command: Fact | None = None) -> Response:
    """The answer to a write. It has a Location where who wrote may read what was made."""
    headers = {"ETag": f'"{done.version}"', "Rujukan-Position": str(done.position)}
    if done.replayed:
        headers["Idempotent-Replayed"] = "true"
    if done.waits:
        headers["Location"] = f"/proposals/{done.id}"
    elif action.mints and done.id and door.is_read_there(f"{action.path}/{{{action.mints}}}", act):
        headers["Location"] = f"{request.url.path.rstrip('/')}/{done.id}"
    named = suspended(command, door.rooms.network) if command is not None else []
    said = Stored(done.version, done.position, f"/ledger/receipts/{done.position}", done.id, done.waits, named)
    status = 202 if done.waits else 201 if action.mints else 200
    return Response(msgspec.json.encode(said), status, headers, "application/json")


def _index_nik(fields: dict[str, Any], rooms: Rooms) -> None:
    """The number's keyed hash is the service's to make."""
    if "nik_index" in fields:
        raise unreadable([misfit("$.nik_index", MADE_BY_THE_SERVICE)])
    if isinstance(nik := fields.get("nik"), str):
        fields["nik_index"] = nik_index(rooms.macs, nik)


def _check_key(command: RegisterKey, rooms: Rooms) -> None:
    try:
        rooms.check_key(command.public_key)
    except ValueError:
        raise Invalid(field="public_key", must=_CAN_BE_SEALED_TO) from None


def _check_told(command: ReplayWebhook, rooms: Rooms, agency: AgencyCode) -> None:
    if command.after > rooms.feed.head(agency).sequence:
        raise NotTold


def _check_url(command: SetWebhook, rooms: Rooms) -> None:
    try:
        rooms.webhooks.check(command.url)
    except AddressRefused as refused:
        raise Invalid(field="url", must=refused.must) from None
