"""The commands of the legal file: `ledger`, `verify`, `bundle`. Each imports what it needs, as in cli.py: a court's
machine has no server parts."""

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

from ..settings import TOKEN, Settings
from .arguments import Failed as Failed
from .arguments import code_of as code_of
from .arguments import require_files, require_place, versions

UNVOUCHED = 4
"""Status for a bundle that is whole under a key that nobody vouches for: anybody can make one."""


class AddCommand(Protocol):
    """Adds a subcommand to the command line."""

    def __call__(
        self, name: str, run: Callable[[Settings, argparse.Namespace], int], help: str, data: bool = True
    ) -> argparse.ArgumentParser: ...


def add_commands(command: AddCommand) -> None:
    """The commands of this file."""
    ledger = command(
        "ledger", _ledger, "the ledger: its keys, its newest checkpoint, how it goes on from another; verify it"
    )
    ledger.add_argument("what", choices=("keys", "checkpoint", "joining", "verify"))
    ledger.add_argument(
        "--known", type=Path, action="append", default=[], metavar="FILE", help="a checkpoint seen before, by anybody"
    )
    verify = command("verify", _verify, "verify a bundle or a .tlog-proof, offline", data=False)
    verify.add_argument("file", type=Path)
    verify.add_argument(
        "--policy", type=Path, metavar="FILE", help="whose keys and witnesses you trust (C2SP tlog-policy)"
    )
    verify.add_argument(
        "--root",
        type=Path,
        action="append",
        default=[],
        metavar="PEM",
        help="certificate that leads to the reports' signer",
    )
    verify.add_argument("--language", choices=("id", "en"), default="en")
    verify.add_argument("--extract", type=Path, metavar="DIR", help="write the parts there, once they hold")
    bundle = command("bundle", _bundle, "take a case file out for a court: record the disclosure, fetch its bundle")
    bundle.add_argument("case", type=UUID, help="the case's id")
    bundle.add_argument(
        "--disclosure", type=UUID, metavar="ID", help="one that was made, and approved by a second person"
    )
    bundle.add_argument("--as-of", metavar="WHEN", help="an instant with its zone, or a position (default: now)")
    bundle.add_argument("--disclose", required=True, metavar="WORDS", help="compartments, with commas: incident,legal")
    bundle.add_argument("--recipient", required=True, help="for whom: Pengadilan Negeri Bontang")
    bundle.add_argument("--basis", required=True, help="court-order, investigation, prosecution, restitution, …")
    bundle.add_argument("--rule", required=True, help="the order's number, or the article")
    bundle.add_argument(
        "--withhold", type=versions, metavar="VERSIONS", default=[], help="events of which nothing is shown: 3,7"
    )
    bundle.add_argument("--out", type=Path, metavar="FILE", help="where to write it (default: DISCLOSURE.rujukan.zip)")
    bundle.add_argument("--no-reports", action="store_true", help="without the readable reports")
    bundle.add_argument("--unwitnessed", action="store_true", help="do not wait for witnesses")
    add_asking(bundle)


def stopped_by_signal() -> threading.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def add_asking(parser: argparse.ArgumentParser) -> None:
    """The arguments of a command that asks the API as a person."""
    parser.add_argument("--token", help=f"an access token (better in {TOKEN}, which other users cannot list)")
    parser.add_argument("--purpose", default="legal", help="what it is for (default legal)")
    parser.add_argument("--url", help="where the API answers (default: the system that runs here)")


def _verify(settings: Settings, said: argparse.Namespace) -> int:
    from ...consumers.evidence import container, refusal_words, words
    from ...consumers.evidence.bundles import verify_bundle
    from ...consumers.evidence.policies import read_policy
    from ...consumers.evidence.proofs import FIRST_LINE, parse_proof, verify_proof
    from ...consumers.evidence.refused import NotProven

    require_files("--root", said.root)
    with said.file.open("rb") as file:
        data = file.read(container.LARGEST // 2 + 1)
    say = words.say
    try:
        policy = read_policy(said.policy.read_bytes()) if said.policy else None
        if data.startswith(FIRST_LINE.encode()):
            proof = parse_proof(data)
            if policy is None or proof.extra is None:
                raise Failed("a proof needs --policy FILE, and the entry that it is of in its extra line")
            shown = verify_proof(proof, proof.extra, policy)
            print(say("proof", said.language, leaf=proof.leaf, log=shown.checkpoint.origin))
            if shown.witnesses:
                print(say("witnesses", said.language, words=words.witnesses(shown.witnesses, said.language)))
            print(say("position", said.language))
            return 0
        verified = verify_bundle(data, policy)
        signatures = [_signature(verified.parts[name], name, said) for name in _signed(verified.unchecked)]
    except NotProven as problem:
        print("\n".join(refusal_words.refused(problem, said.language)), file=sys.stderr)
        return 1
    print(words.verdict("unvouched" if policy is None else "passed", said.language))
    for sentence in words.told(verified, said.language):
        print(f"  + {sentence}")
    for checked in signatures:
        print("\n".join(f"  {line}" for line in checked))
    print("Yang tidak dapat diperiksa:" if said.language == "id" else "What could not be checked:")
    for key in verified.unchecked:
        if not key.startswith("signature:"):
            print(f"  - {say(key, said.language)}")
    if said.extract:
        said.extract.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(said.extract.iterdir()):
            raise Failed(f"{said.extract} has something in it already; nothing is written over it")
        for name, content in verified.parts.items():
            file = said.extract / name
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _keep(file, content)
    return UNVOUCHED if policy is None else 0


def _keep(path: Path, content: bytes) -> None:
    """Write what is of a case file: for its owner's eyes alone, also where the file was there before."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)


def _signed(unchecked: Sequence[str]) -> list[str]:
    return [key.partition(":")[2] for key in unchecked if key.startswith("signature:")]


def _signature(pdf: bytes, name: str, said: argparse.Namespace) -> list[str]:
    """What the electronic signature in a report shows. Raises Refused where it is broken."""
    from ...consumers.evidence.bundles import Refused
    from ...consumers.evidence.words import say

    try:
        from cryptography.x509 import load_pem_x509_certificates

        from ..report.signature import verify_signature
    except ModuleNotFoundError:
        why = say("without-report", said.language)
        return ["- " + say("signature", said.language, name=name, why=why)]
    roots = [c for file in said.root for c in load_pem_x509_certificates(file.read_bytes())]
    shown = verify_signature(pdf, roots, said.language)
    if shown.failed:
        raise Refused(name, "; ".join(shown.failed))
    return [f"+ {name}: {text}" for text in shown.checked] + [f"- {name}: {text}" for text in shown.not_checked]


def _bundle(settings: Settings, said: argparse.Namespace) -> int:
    from .asking import Api

    require_place("--out", said.out)
    case = said.case
    with Api(settings, said) as api:
        asked: dict[str, Any] = {
            "recipient": said.recipient,
            "basis": said.basis,
            "rule": said.rule,
            "compartments": [w for w in said.disclose.split(",") if w],
            "withheld_events": said.withhold,
        }
        if said.as_of is not None:
            asked["as_of"] = _position(api, case, said.as_of)
        disclosure = str(said.disclosure or uuid4())
        if said.disclosure is None:
            made = api.post(f"/cases/{case}/disclosures", {**asked, "disclosure": disclosure})
            if made.get("waits"):
                print(f"it waits for a second person: POST /proposals/{made['id']}/approval", file=sys.stderr)
                print(f"then: rujukan bundle {case} --disclosure {disclosure}", file=sys.stderr)
                return 0
        query = {"reports": str(not said.no_reports).lower(), "witnessed": str(not said.unwitnessed).lower()}
        content = api.get_when_sealed(f"/cases/{case}/disclosures/{disclosure}/bundle", query)
    out: Path = said.out or Path(f"{disclosure}.rujukan.zip")
    _keep(out, content)
    print(f"{out}: {len(content):,} bytes; check it with: rujukan verify {out} --policy POLICY")
    return 0


def _position(api: Any, case: object, when: str) -> int:
    """The position that an instant stands for in the case, as its history has it."""
    if when.isdecimal():
        return int(when)
    point = json.loads(api.get(f"/cases/{case}/history", {"as_of": when}))["as_of"]
    if not point["position"]:
        raise Failed(f"there was nothing of this case at {when}")
    if left_out := point.get("left_out"):
        raise Failed(f"clocks disagree about {when}: say by position whether {left_out} are to be in it")
    return int(point["position"])


def _ledger(settings: Settings, said: argparse.Namespace) -> int:
    from ...consumers.evidence.notes import parse_note
    from .. import composition
    from ..database import FOLLOWER, as_role
    from ..ledger.auditing import audit
    from ..ledger.guard import Guard
    from ..system import running

    settings = running(settings)
    keys = composition.ledger_keys(settings)
    if said.what == "keys":
        print("\n".join(key.vkey for key in keys))
        return 0
    if said.what == "checkpoint":
        with composition.ledger(settings) as store:
            note = store.newest()
        if note is None:
            raise Failed("nothing is sealed yet; is the sealer running?")
        sys.stdout.write(note.data.decode())
        return 0
    if said.what == "joining":
        with composition.ledger(settings) as store:
            note = store.joining(settings.ledger_origin)
        if note is None:
            raise Failed(f"the log {settings.ledger_origin} goes on from no other")
        sys.stdout.write(note.data.decode())
        return 0
    known = [parse_note(file.read_bytes()) for file in said.known]
    at_hand = Guard(settings.ledger_guard).of_log(settings.ledger_origin)  # before the rows: they are ahead of it
    report = audit(as_role(settings.database, FOLLOWER), keys, [*known, *([at_hand] if at_hand else [])])
    if report.difference is not None:
        at, what = report.difference
        raise Failed(f"THE LEDGER DOES NOT MATCH{f' at position {at}' if at is not None else ''}: {what}")
    print(f"{report.leaves:,} events are what was sealed; root {report.root.hex()}; {report.unsealed} not sealed yet")
    if at_hand is not None:
        print(f"they go on from what was signed last, as {settings.ledger_guard} has it")
    elif not known:
        print(f"{settings.ledger_guard} says nothing of this log: whether the database was rolled back as a whole")
        print("is told by a checkpoint from elsewhere alone, --known FILE")
    return 0
