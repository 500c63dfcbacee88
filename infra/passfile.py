"""libpq's passfile: passwords of the database's roles, in a file that only its owner reads.

    HOST:PORT:DATABASE:ROLE:PASSWORD

It is named once, in the conninfo (`passfile=…`), and is good for every role; else PGPASSFILE names it, else it is
`~/.pgpass`. libpq passes over one that others can read, or that is not there, in silence: here it is refused.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def of(conninfo: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The file that somebody named; None where nobody did. Raises psycopg.ProgrammingError for what is no conninfo."""
    named = conninfo_to_dict(conninfo).get("passfile") or environment.get("PGPASSFILE")
    return Path(str(named)) if named else None


def wrong(conninfo: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """What is wrong with the file that is named, and what to do; None where nothing is. Raises
    psycopg.ProgrammingError."""
    file = of(conninfo, environment)
    if file is None:
        return None
    if not file.is_file():
        return f"names the passfile {file}, and there is no such file: put it there, or name another"
    if file.stat().st_mode & OTHERS:
        return f"names the passfile {file}, which others can read: chmod 600 {file}"
    if not os.access(file, os.R_OK):
        return f"names the passfile {file}, which this user cannot read: give it to who runs this, with mode 600"
    return None


def absolute(conninfo: str) -> str:
    """The same conninfo, whose passfile is found from every directory."""
    about = conninfo_to_dict(conninfo)
    if about.get("passfile"):
        about["passfile"] = str(Path(str(about["passfile"])).absolute())
        return make_conninfo("", **about)
    return conninfo
