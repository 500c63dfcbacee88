"""`rujukan agencies`: list the network's agencies, or bring one in with its members and key, as the system itself."""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...domain.codes import AgencyKind, Role, Service
from ...domain.fact import ActorId
from ..settings import Settings
from . import kafka
from .arguments import agency, id_in, require_files, require_none
from .evidence import Failed, code_of

if TYPE_CHECKING:
    from ...api.application.casework import Casework
    from ...domain.agency_state import Agency

CATCH_UP_SECONDS = 10.0
OF_ADD = ("kind", "label", "service", "member", "key")


class Member(NamedTuple):
    """Somebody who is to act for an agency."""

    actor: ActorId
    role: Role


class Wanted(NamedTuple):
    """An agency as it is to be; what is None or empty stays as it is."""

    code: str
    kind: AgencyKind | None
    label: str | None
    services: frozenset[Service]
    members: tuple[Member, ...]
    key: tuple[str, str] | None
    """Its id, and the public key."""


def add_command(command: Any) -> None:
    """The command, added to the parser of cli.py."""
    agencies = command("agencies", run, "list the network's agencies, add one, or bring Kafka in line with them")
    kafka.add_sync(agencies)
    agencies.add_argument("--add", metavar="CODE", type=agency, help="or bring what is there in line with what is said")
    agencies.add_argument("--kind", help="a new one needs it: health, police, lead, …")
    agencies.add_argument("--label", metavar="NAME", help="the agency's name (a new one: its code)")
    agencies.add_argument("--service", action="append", default=[])
    agencies.add_argument("--member", action="append", default=[], metavar="ROLE[:UUID]")
    agencies.add_argument("--key", type=Path, metavar="FILE", help="the agency's public key, from keygen")


def run(settings: Settings, said: argparse.Namespace) -> int:
    """List them, once what was asked for is done."""
    if said.what == "sync":
        require_none(said, ("add", *OF_ADD), "rujukan agencies --add")
        return kafka.sync(settings, said)
    require_none(said, kafka.OF_SYNC, "rujukan agencies sync")
    if not said.add:
        require_none(said, OF_ADD, "--add CODE")
    from ...api.application.ports import NOBODY
    from ...projections import directory
    from .. import composition
    from ..system import running

    wanted = _wanted(said) if said.add else None
    with composition.acting(running(settings)) as node:
        if wanted is not None:
            for done in bring_in(node.casework, wanted):
                print(done)
        give_up = time.monotonic() + CATCH_UP_SECONDS
        while any(behind for _, behind in node.views.lag()) and time.monotonic() < give_up:
            time.sleep(0.05)  # the list is to show what was just added
        if behind := sum(behind for _, behind in node.views.lag()):
            print(f"THE LIST IS BEHIND, by {behind} events of all read models: no worker keeps up (rujukan health)")
        listed = node.views.ask(NOBODY, directory.members)
        for code, kind_word, active, has_key, offered in listed:
            state = ("active" if active else "suspended") + (", key" if has_key else ", no key")
            print(f"{code:20} {kind_word:18} {state:18} {' '.join(offered)}")
        if not listed:
            print("no agency is registered: rujukan agencies --add CODE --kind KIND")
    return 0


def bring_in(casework: "Casework", wanted: Wanted) -> Iterator[str]:
    """Register what is new of it, a line for each: what was done, and what was so before. Raises Failed, before
    anything is done, where something is there that differs and is not changed by this."""
    from ...domain.agency import OfferServices
    from .. import onboarding

    code = wanted.code
    known = casework.network.get(code)
    _check(wanted, known)
    if known is None:
        assert wanted.kind is not None
        onboarding.register(casework, code, wanted.kind, wanted.label or code, wanted.services)
        yield f"{code} is registered: {wanted.kind.value}, {wanted.label or code}"
    elif wanted.services and wanted.services != known.services:
        onboarding.act(casework, code, OfferServices, services=wanted.services)
        yield f"{code} offers {_words(wanted.services)} from now on; before, {_words(known.services)}"
    else:
        yield f"{code} was registered before: {known.kind.value}, {known.name}"
    for actor, role in wanted.members:
        roles = known.members.get(actor, frozenset()) if known is not None else frozenset[Role]()
        if role in roles:
            yield f"{actor} was {role.value} before"
            continue
        now = casework.network.get(code)
        onboarding.add_member(casework, code, actor, {*(now.members.get(actor, ()) if now else ()), role}, None)
        yield f"{actor} is {role.value} from now on"
    if wanted.key is not None:
        id, public = wanted.key
        if known is not None and id in known.public_keys:
            yield f"key {id} was registered before{'' if id in known.keys else ', and is retired'}"
        else:
            onboarding.register_key(casework, code, id, public)
            yield f"key {id} is registered: what is told from now on is sealed to it"


def _check(wanted: Wanted, known: "Agency | None") -> None:
    code = wanted.code
    if known is None:
        if wanted.kind is None:
            raise Failed(f"say what {code} is, as it is new: --kind {'|'.join(kind.value for kind in AgencyKind)}")
        return
    differs = [
        f"its {what} is {there}, not {said}"
        for what, there, said in (
            ("kind", known.kind.value, wanted.kind and wanted.kind.value),
            ("name", known.name, wanted.label),
        )
        if said is not None and said != there
    ]
    if wanted.key is not None and known.public_keys.get(wanted.key[0], wanted.key[1]) != wanted.key[1]:
        differs.append(
            f"another key is registered as {wanted.key[0]}: give the new one an id of its own, rujukan keygen --id ID"
        )
    if differs:
        raise Failed(f"{code} is registered already, and {'; '.join(differs)}. Nothing was changed")


def _wanted(said: argparse.Namespace) -> Wanted:
    from ..issuer import usual_actor

    def member(text: str) -> Member:
        word, _, id = text.partition(":")
        role = code_of(Role, word, "--member")
        return Member(ActorId(id_in(id, "--member") if id else usual_actor(said.add, role)), role)

    key = None
    if said.key is not None:
        require_files("--key", [said.key])
        try:
            about = json.loads(said.key.read_text())
        except ValueError:
            about = {}
        if not isinstance(about, dict) or "mlkem768" in about or not {"id", "public"} <= about.keys():
            raise Failed(f"{said.key} is not a public key: give the .pub file that rujukan keygen wrote")
        key = about["id"], about["public"]
    return Wanted(
        said.add,
        code_of(AgencyKind, said.kind, "--kind") if said.kind else None,
        said.label,
        frozenset(code_of(Service, word, "--service") for word in said.service),
        tuple(member(text) for text in said.member),
        key,
    )


def _words(services: frozenset[Service]) -> str:
    return " ".join(sorted(service.value for service in services)) or "nothing"
