"""The command of a witness, and the witness beside a subscription. It imports what it needs when it runs: an agency's
machine has no server parts."""

import argparse
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..settings import Settings
from .arguments import address
from .evidence import AddCommand, Failed, stopped_by_signal

ALARMED = 3
"""Exit status of a witness that found the log to contradict itself."""


def add_command(command: AddCommand) -> None:
    """The command of this file."""
    witness = command("witness", _witness, "witness a log: verify what it adds, and cosign it", data=False)
    witness.add_argument("--keygen", metavar="NAME", help="make the key file, print the verifier keys, and stop")
    add_witnessing(witness)
    witness.add_argument(
        "--listen", type=address, metavar="HOST:PORT", help="serve add-checkpoint (C2SP tlog-witness) there"
    )
    witness.add_argument("--once", action="store_true", help="look once and stop")
    witness.add_argument("--alarms", action="store_true", help="show the alarms that stand, and the evidence")
    witness.add_argument(
        "--clear-alarm", type=int, metavar="N", help="a person has looked at evidence N: end its alarm"
    )


def add_witnessing(parser: argparse.ArgumentParser) -> None:
    """The arguments of a witness."""
    parser.add_argument("--witness-key", type=Path, metavar="FILE", help="the witness's private keys")
    parser.add_argument("--witness-state", type=Path, metavar="FILE", help="what it has seen (default: KEY FILE.db)")
    parser.add_argument("--log", metavar="URL", help="the ledger's address: https://HOST/ledger")
    parser.add_argument("--log-key", action="append", default=[], metavar="VKEY", help="the ledger's verifier key")
    parser.add_argument("--alarm-command", metavar="COMMAND", help="run when the log contradicts itself")


@contextmanager
def witnessing(said: argparse.Namespace, stop: threading.Event) -> Iterator[list[str]]:
    """A witness beside a subscription, where one is asked for; what it found against the log, in the end."""
    found: list[str] = []
    if said.log is None:
        yield found
        return
    from ...consumers.agency.witnessing.at_work import LogClient, follow
    from ...consumers.agency.witnessing.witness import Misbehaviour

    witness = _open(said)

    def run() -> None:
        try:
            follow(witness, LogClient(said.log), stop)
        except Misbehaviour as problem:
            found.append(str(problem))  # deliveries go on: a survivor's referral does not wait for a court

    thread = threading.Thread(target=run, name="witness", daemon=True)
    thread.start()
    yield found
    thread.join(2)


def _witness(settings: Settings, said: argparse.Namespace) -> int:
    if said.witness_key is None:
        raise Failed("say where the witness's keys are, or will be: --witness-key FILE")
    if said.keygen:
        return _keygen(said.keygen, said.witness_key)
    from ...consumers.agency.witnessing.at_work import LogClient, WitnessServer, follow, watch
    from ...consumers.agency.witnessing.witness import Misbehaviour

    witness = _open(said)
    if said.clear_alarm is not None:
        if not witness.clear(said.clear_alarm):
            raise Failed(f"there is no alarm {said.clear_alarm}")
        print(f"alarm {said.clear_alarm} is ended; its evidence stays in {_state(said)}")
        return 0
    for evidence in witness.alarms():
        print(f"ALARM {evidence.number}: {evidence.origin}: {evidence.why} (at {evidence.at})")
        if said.alarms:
            print(evidence.request.decode(), evidence.contradicts.decode(), sep="\n--- contradicts ---\n")
    if said.alarms:
        _print_unproven(witness)
        if not witness.alarms():
            print("no alarm stands")
        return ALARMED if witness.alarms() else 0
    stop = stopped_by_signal()
    if said.listen:
        host, _, port = said.listen.rpartition(":")
        server = WitnessServer(witness, host or "127.0.0.1", int(port))
        server.start()
        print(f"serving add-checkpoint at {server.url}", flush=True)
    try:
        if said.log and said.once:
            is_new = watch(witness, LogClient(said.log))
            print(f"{said.log}: {'verified and cosigned' if is_new else 'nothing new; what was seen before holds'}")
        elif said.log:
            follow(witness, LogClient(said.log), stop)
        elif said.listen:
            stop.wait()
        else:
            raise Failed("say which log to watch (--log URL), or where to serve (--listen HOST:PORT)")
    except Misbehaviour as problem:
        print(f"rujukan: ALARM: {problem}. The evidence is in {_state(said)}.", file=sys.stderr)
        return ALARMED
    return ALARMED if witness.alarms() else 0


def _print_unproven(witness: Any) -> None:
    for origin in witness.origins():
        for head in witness.unproven(origin):
            print(
                f"not proven: {origin}: {head.size} leaves, root {head.root.hex()}: it is held against the log's tiles"
            )


def _keygen(name: str, file: Path) -> int:
    from ...consumers import durable
    from ...consumers.evidence.coding import to_base64
    from ...consumers.evidence.notes import COSIGNATURE, COSIGNATURE_ML_DSA, SigningKey

    seeds = {str(kind): os.urandom(32) for kind in (COSIGNATURE_ML_DSA, COSIGNATURE)}
    keys = [SigningKey(name, int(kind), seed).public for kind, seed in seeds.items()]
    try:
        kept = {"name": name, "seeds": {kind: to_base64(seed) for kind, seed in seeds.items()}}
        durable.create(file, json.dumps(kept).encode())
    except FileExistsError:
        raise Failed(f"{file} is there already; a key is never overwritten") from None
    print("\n".join(key.vkey for key in keys))
    return 0


def _open(said: argparse.Namespace) -> Any:
    from ...consumers.agency.witnessing.at_work import LogClient
    from ...consumers.agency.witnessing.witness import Evidence, Witness
    from ...consumers.evidence.coding import from_base64
    from ...consumers.evidence.notes import SigningKey, parse_vkey
    from ...consumers.evidence.refused import Malformed

    if not said.witness_key.is_file():
        key = said.witness_key
        raise Failed(
            f"--witness-key: there is no file {key}: rujukan witness --keygen NAME --witness-key {key} makes it"
        )
    if said.witness_key.stat().st_mode & 0o077:
        raise Failed(f"{said.witness_key} can be read by others; chmod 600 it")
    try:
        kept = json.loads(said.witness_key.read_text())
        keys = [SigningKey(kept["name"], int(kind), from_base64(seed)) for kind, seed in kept["seeds"].items()]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Failed(f"{said.witness_key} is not a witness's key file") from None

    def alarm(evidence: Evidence) -> None:
        if said.alarm_command:
            subprocess.Popen([said.alarm_command, evidence.origin, evidence.why])

    try:
        logs = [parse_vkey(text) for text in said.log_key]
    except (Malformed, ValueError) as problem:
        raise Failed(f"--log-key: {problem}") from None
    if (said.log or getattr(said, "listen", None)) and not logs:
        raise Failed("say which key the log signs with: --log-key VKEY, from somebody you trust, not from the log")
    trees = {key.name: LogClient(said.log).tree for key in logs} if said.log else None
    return Witness(_state(said), keys, logs, alarm=alarm, trees=trees)


def _state(said: argparse.Namespace) -> Path:
    state: Path = said.witness_state or said.witness_key.with_suffix(said.witness_key.suffix + ".db")
    return state
