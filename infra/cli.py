"""The command line: `rujukan …`. Each command imports what it needs, so that an agency's machine, which has
no server parts, can receive."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from uuid import UUID

from .commands import (
    agencies,
    arguments,
    damaged,
    evidence,
    forks,
    history,
    importing,
    keys,
    recover,
    schemas,
    subscribe,
    witness,
)
from .commands.agreeing import add_yes
from .commands.evidence import Failed, code_of, stopped_by_signal
from .settings import Settings, from_environment

MEASURES = (
    *("append", "read", "seal", "rebuild", "http", "fair", "fanout", "topics", "subscribe", "history", "ledger"),
    *("bundle", "standing", "long"),
    "replay",
)
EXTRAS = {
    **dict.fromkeys(("subscribe", "keygen", "inbox", "dead-letters"), "agency"),
    **dict.fromkeys(("verify", "witness"), "verify"),
}
"""What a command needs, where that is less than everything."""
Command = Callable[[Settings, argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns its exit status: 0 done, 1 failed, 2 wrong usage; health, witness, verify have more."""
    parser = _parser()
    said, beyond = parser.parse_known_args(arguments)
    if beyond:
        _refuse(parser, sys.argv[1:] if arguments is None else arguments, beyond)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    try:
        settings = from_environment()
        if getattr(said, "data", None):
            from msgspec.structs import replace

            settings = replace(settings, data=said.data)
        command: Command = said.run
        return command(settings, said)
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        return 130
    except ModuleNotFoundError as missing:
        extra = EXTRAS.get(said.name, "embedded")
        if extra == "agency" and missing.name == "psycopg":
            extra = "agency-postgres"
        print(
            f"rujukan: {missing.name} is not installed; it comes with the part {extra}: from a checkout, pip install"
            f" '.[{extra}]'; from the file that the network gives out, after its SHA-256 was compared,"
            f" pip install './FILE.whl[{extra}]'. Never by the name alone: anybody can publish under it",
            file=sys.stderr,
        )
        return 1
    except Exception as problem:
        from .commands.explaining import explained

        if (why := explained(problem, said)) is None:
            raise
        for line in why.splitlines():
            print(f"rujukan: {line}", file=sys.stderr)
        return 1


def _refuse(parser: argparse.ArgumentParser, words: Sequence[str], beyond: Sequence[str]) -> None:
    """Ends with 2: the command's usage, what it does not take, and what was meant as it seems."""
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    of: argparse.ArgumentParser = commands.choices[next(word for word in words if word in commands.choices)]
    known = [option for action in of._actions for option in action.option_strings]
    wrong = next((word for word in beyond if word.startswith("-")), beyond[0])
    meant = get_close_matches(wrong.partition("=")[0], known, 1, 0.6)
    of.error(f"it takes no {wrong}{f'; did you mean {meant[0]}?' if meant else ''}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rujukan", description="Secure inter-agency referral, event-sourced.")
    parser.add_argument("--version", action="version", version=f"rujukan {_version()}")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")

    def command(name: str, run: Command, help: str, data: bool = True) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help)
        added.set_defaults(run=run)
        if data:
            added.add_argument("--data", type=Path, metavar="DIR", help="data directory (default .rujukan)")
        return added

    up = command("up", _up, "start the whole system, embedded where settings name nothing else")
    up.add_argument("--port", type=arguments.port, help="port of the API (0: a free one)")
    up.add_argument("--workers", type=int, metavar="N", help="how many keep the read models (RUJUKAN_WORKERS)")
    command("down", _down, "stop the system that runs on the data directory")
    command("status", _status, "whether a system runs on the data directory; status 0 it does, 3 nothing does")
    demo = command("demo", _demo, "play the Bontang story and import a real log on the embedded system")
    demo.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    demo.add_argument("--xes", type=Path, metavar="FILE", help="the log to import")
    importing.add_command(command)
    token = command("token", _token, "an access token from the embedded issuer, for development")
    token.add_argument("--agency", required=True, type=arguments.agency)
    token.add_argument("--role", action="append", required=True)
    token.add_argument("--actor", type=UUID, help="the member's id (default: a fixed one for agency and role)")
    token.add_argument("--hours", type=float, default=1.0)
    agencies.add_command(command)
    subscribe.add_commands(command)
    history.add_arguments(command("history", history.run, "a case as it was, through the API, by your token"))
    command("service-key", _service_key, "the public key that agencies check messages against")
    command("deliveries", _deliveries, "how far each agency is with what it was told")
    command("lag", _lag, "how far each read model is behind the log")
    health = command("health", _health, "how everybody's work goes; status 0 ok, 1 degraded, 2 damaged, 3 unavailable")
    health.add_argument("--json", action="store_true", help="all of it, for a machine")
    rebuild = command("rebuild", _rebuild, "build a read model anew while the old one serves")
    rebuild.add_argument("projection")
    rebuild.add_argument("--workers", type=int, default=1, help="in how many processes (RUJUKAN_SHARDS at most)")
    rebuild.add_argument("--help-another", action="store_true", help=argparse.SUPPRESS)
    evidence.add_commands(command)
    witness.add_command(command)
    keys.add_commands(command)
    damaged.add_command(command)
    command("forks", forks.run, "whether the database goes on from what was signed and told; what it lacks")
    recovering = command(
        "recover", recover.run, "go on above what was signed and told and is lost for good: asks first"
    )
    add_yes(recovering, "what is lost is given up")
    schemas.add_commands(command)
    command("migrate", _migrate, "apply missing migrations")
    bench = command("bench", _bench, f"measure beside peers: {', '.join(MEASURES)}")
    bench.add_argument("what", nargs="+", choices=(*MEASURES, "all"))
    bench.add_argument("--json", type=Path, metavar="FILE")
    bench.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    bench.add_argument("--workers", type=int, default=1, help="rebuild and follow in so many processes, beside one")
    broker = command("kafka", _kafka, "run a real Apache Kafka 4 node (needs Java 17 and Maven)")
    broker.add_argument("--port", type=arguments.port, default=9092)
    for name in ("api", "worker", "publisher", "sealer"):
        one = command(name, _process, f"run one {name} process on external services")
        one.add_argument("--lifeline", type=int, help=argparse.SUPPRESS)
    return parser


def _version() -> str:
    """The installed package's."""
    try:
        return version("rujukan")
    except PackageNotFoundError:
        return "(not installed)"


def _up(settings: Settings, said: argparse.Namespace) -> int:
    from msgspec.structs import replace

    from .database import without_password
    from .system import System

    if said.port is not None:
        settings = replace(settings, port=said.port)
    if said.workers is not None:
        settings = replace(settings, workers=said.workers)
    stop = stopped_by_signal()
    with System(settings) as system:
        print(f"API        {system.url}    contract {system.url}/docs")
        print(f"PostgreSQL {without_password(system.settings.database)}")
        print(f"Kafka      {system.settings.kafka}")
        print(f"data       {system.settings.data}    logs {system.logs}")
        if settings.workers > 1:
            idle = max(0, settings.workers - settings.shards)
            print(f"workers    {settings.workers}, for {settings.shards} shards{f'; {idle} stand by' if idle else ''}")
        print("Ctrl-C stops everything.", flush=True)
        system.watch(stop)
        print("stopping …", flush=True)
    return 0


def _down(settings: Settings, said: argparse.Namespace) -> int:
    from .commands.supervising import down

    return down(settings, said)


def _status(settings: Settings, said: argparse.Namespace) -> int:
    from .commands.supervising import status

    return status(settings, said)


def _demo(settings: Settings, said: argparse.Namespace) -> int:
    from .demo.play import play

    arguments.require_files("--xes", [said.xes] if said.xes else [])
    arguments.require_place("--json", said.json)
    return int(play(settings, keep=said.data, figures=said.json, xes=said.xes))


def _token(settings: Settings, said: argparse.Namespace) -> int:
    from ..domain.codes import Role
    from . import composition
    from .issuer import usual_actor

    _require_keys(settings)
    issuer = composition.issuer(settings)
    roles = [code_of(Role, r, "--role") for r in said.role]
    actor = said.actor or usual_actor(said.agency, roles[0])
    print(issuer.token(actor, said.agency, roles, int(said.hours * 3600)))
    _warn_of_stranger(settings, said.agency)
    return 0


def _warn_of_stranger(settings: Settings, agency: str) -> None:
    """The issuer signs whatever it is told; whoever is refused with the token later looks for the cause elsewhere. Says
    nothing where nothing runs that could be asked."""
    from . import composition
    from .system import running, supervisor

    if not settings.database and supervisor(settings.data) is None:
        return
    with suppress(Exception), composition.acting(running(settings)) as node:  # the token is good whatever becomes of it
        if node.casework.network.get(agency) is None:
            print(
                f"rujukan token: no agency {agency} is registered: what is asked with this token is refused until"
                f" it is (rujukan agencies --add {agency} …)",
                file=sys.stderr,
            )


def _service_key(settings: Settings, said: argparse.Namespace) -> int:
    from ..consumers.wire.envelope import encoded_service_key
    from . import composition

    _require_keys(settings)
    print(encoded_service_key(composition.service_key(settings)))
    return 0


def _lag(settings: Settings, said: argparse.Namespace) -> int:
    from . import composition
    from .system import running

    with composition.acting(running(settings)) as node:
        for name, behind in node.views.lag():
            print(f"{name:16} {behind}")
    return 0


def _health(settings: Settings, said: argparse.Namespace) -> int:
    from .commands import health

    return health.run(settings, said)


def _deliveries(settings: Settings, said: argparse.Namespace) -> int:
    from ..projections.marks import progress
    from . import composition
    from .clock import local
    from .system import running

    with composition.follower(running(settings)) as source, source.store.pool.connection() as db:
        print(f"{'agency':20} {'told':>8} {'received':>8} {'handled':>8} {'behind':>8} {'failed':>6}  acknowledged")
        for agency, head, received, handled, failed, at in progress(db):
            last = local(at).isoformat(timespec="seconds") if at else "never"
            print(f"{agency:20} {head:8} {received:8} {handled:8} {head - handled:8} {failed:6}  {last}")
    return 0


def _rebuild(settings: Settings, said: argparse.Namespace) -> int:
    from . import composition
    from .commands.rebuild import help_another, rebuild
    from .system import running

    settings = running(settings)
    if said.projection not in composition.NAMES:
        raise Failed(f"there is no read model {said.projection}; there are {', '.join(composition.NAMES)}")
    if said.help_another:
        help_another(settings, said.projection)
    elif not 1 <= said.workers <= settings.shards:
        raise Failed(f"--workers: 1 to {settings.shards}, as its cases fall into so many shards (RUJUKAN_SHARDS)")
    else:
        folded = rebuild(settings, said.projection, said.workers)
        print(f"{folded:,} events folded{' by this process' if said.workers > 1 else ''}; {said.projection} is new")
    return 0


def _migrate(settings: Settings, said: argparse.Namespace) -> int:
    from .composition import prepare
    from .network_name import NotNamed, keep_in

    if not settings.database:
        raise Failed("say where PostgreSQL is: RUJUKAN_DATABASE, with the rights of the database's owner")
    name = ""
    with suppress(NotNamed):  # it is asked for before the first event
        name = settings.network_name
    applied = prepare(settings)
    if name:
        keep_in(settings.database, name)
    for name in applied:
        print(f"applied {name}")
    if not applied:
        print("nothing to apply: every migration was applied before")
    if name:
        print(f"the network is called {name}")
    return 0


def _bench(settings: Settings, said: argparse.Namespace) -> int:
    from .commands.bench import bench

    arguments.require_place("--json", said.json)
    return bench(said.what, said.json, said.seconds, said.workers)


def _kafka(settings: Settings, said: argparse.Namespace) -> int:
    from .services.apache_kafka import ApacheKafka

    if not ApacheKafka.available():
        raise Failed("Apache Kafka needs Java 17 or later and Maven on the PATH")
    settings.data.mkdir(parents=True, exist_ok=True)
    stop = stopped_by_signal()
    broker = ApacheKafka(settings.data / "kafka", said.port)
    print(f"Apache Kafka answers at {broker.start()}. Ctrl-C stops it.", flush=True)
    try:
        while broker.is_alive() and not stop.wait(0.5):
            pass
    finally:
        broker.stop()
    return 0


def _process(settings: Settings, said: argparse.Namespace) -> int:
    from . import lifeline, processes

    if not settings.database or (said.name == "publisher" and not settings.kafka):
        raise Failed("say where PostgreSQL and Kafka are: RUJUKAN_DATABASE, RUJUKAN_KAFKA")
    run = {
        "api": processes.api,
        "worker": processes.worker,
        "publisher": processes.publisher,
        "sealer": processes.sealer,
    }
    if said.lifeline is not None:
        lifeline.end_with(said.lifeline, processes.STOP_SECONDS)
    run[said.name](settings)
    return 0


def _require_keys(settings: Settings) -> None:
    """Raises Failed where there is no keyring: one that is made by asking for it would be nobody's."""
    if not settings.keyring_file.exists():
        raise Failed(
            f"no keys are at {settings.keyring_file}: nothing was started there yet (rujukan up), or they are elsewhere"
            " (--data, RUJUKAN_KEYRING)"
        )


if __name__ == "__main__":
    sys.exit(main())
