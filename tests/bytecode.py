"""Tests start hundreds of processes. Where the environment asks Python to write no compiled code, each would compile
the whole project anew; so it is kept aside, out of the way of the sources, for all of them and for the next run."""

import os
import sys
from pathlib import Path

ASIDE = Path(__file__).parents[1] / ".pytest_cache" / "bytecode"

if sys.dont_write_bytecode:
    sys.dont_write_bytecode = False
    sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(ASIDE)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
