"""What is said of an error that ends a command: a line for each cause, with its remedy. Whoever made a mistake is told
which; of a bug there is a traceback."""

import argparse
import sys
from contextlib import suppress
from types import ModuleType

from ..settings import from_environment
from .evidence import Failed


def explained(problem: Exception, said: argparse.Namespace) -> str | None:
    """Lines for people; None for what nobody foresaw, which is a bug."""
    database = sys.modules.get(f"{__package__.rpartition('.')[0]}.database")
    if database is not None and (why := _of_database(problem, database, said)) is not None:
        return why
    if isinstance(problem, Failed | ValueError | OSError) or type(problem).__module__.startswith("rujukan."):
        return str(problem)
    return None


def _of_database(problem: Exception, database: ModuleType, said: argparse.Namespace) -> str | None:
    """The database's driver is not imported for that: who has not imported it asked for no database."""
    from ..migrations import lacking
    from ..requirements import explain
    from ..unreachable import NOT_THERE, of_database, why

    found = of_database(problem)
    state = None if found is None else found.sqlstate
    if isinstance(problem, database.AWAY) and (state is None or state.startswith(("08", "57P"))):
        reason = None if isinstance(problem, database.NoAnswer) else explain(_named(said))
        return reason or f"the database is away, or does not answer ({type(problem).__name__})"
    if found is None:
        return None
    if state in NOT_THERE:
        if missing := lacking(_named(said)):
            return (
                f"the database was not set up for this release, {len(missing)} migrations are missing: rujukan migrate"
            )
        return None
    return (words := why(found, _named(said))) and f"database: {words}"


def _named(said: argparse.Namespace) -> str:
    """Where the database is that the command asked."""
    from ..system import NotStarted, running

    settings = from_environment()
    if getattr(said, "data", None):
        from msgspec.structs import replace

        settings = replace(settings, data=said.data)
    with suppress(NotStarted):
        return running(settings).database
    return settings.database
