"""One caller beside ten greedy ones, two of them colleagues: what a person at work waits, alone and beside them, in one
run on one system with the usual limits. The greedy ones run on the same cores."""

import json
import subprocess
import sys
from pathlib import Path

from harness import Bench, Measured, beside
from measure_http import everything

from rujukan.domain.codes import Role
from rujukan.infra import composition
from rujukan.infra.demo.network import BONTANG
from rujukan.infra.issuer import usual_actor
from rujukan.infra.settings import Settings
from rujukan.infra.system import System

TURNS, SECONDS = 3, 20.0
"""So many turns alone and beside them, so long each: what else the machine does falls on both."""
WITHIN = 2.0
"""So many times what it is alone the p99 may be."""
LEAD = "uptd-ppa"


def run(bench: Bench) -> list[Measured]:
    usual = {f"limit_{name}": value for name, value in Settings().limits.items()}
    seconds = max(bench.seconds, SECONDS)
    alone: list[float] = []
    crowded: list[float] = []
    let_in = refused = 0
    with everything(usual) as (system, token, _):
        _fair(system, 5.0, token)
        for _ in range(TURNS):
            alone += _fair(system, seconds, token)
            crowd = _callers(system, "greedy", seconds + 1, *_greedy(system))
            crowded += _fair(system, seconds, token)
            greedy = _ended(crowd)
            refused += greedy["refused"]
            let_in += greedy["requests"] - greedy["refused"]
    name, took = "a fair caller beside ten greedy ones", TURNS * seconds
    times = _at(99, crowded) / _at(99, alone)
    return [
        beside(f"{name}, p50", _at(50, crowded), "ms", "alone", _at(50, alone), True),
        beside(f"{name}, p99", _at(99, crowded), "ms", "alone", _at(99, alone), True),
        beside(f"{name}, p99", times, "times alone", "target", WITHIN, True),
        beside("the greedy ones, let in", let_in / took, "reads/s", "refused", refused / took),
    ]


def _at(percent: int, latencies: list[float]) -> float:
    return sorted(latencies)[min(len(latencies) - 1, len(latencies) * percent // 100)]


def _fair(system: System, seconds: float, token: str) -> list[float]:
    """What each request took, in milliseconds."""
    told = _ended(_callers(system, "fair", seconds, token))
    assert not told["refused"], told["refused"]
    return list(told["milliseconds"])


def _greedy(system: System) -> list[str]:
    issuer = composition.issuer(system.settings)
    people = [(member.code, Role.CASE_WORKER) for member in BONTANG if member.code != LEAD]
    people += [(LEAD, role) for role in (Role.SUPERVISOR, Role.LEGAL_REVIEWER)]
    people += [("rsud", Role.SUPERVISOR)]
    return [issuer.token(usual_actor(code, role), code, [role]) for code, role in people[:10]]


def _callers(system: System, what: str, seconds: float, *tokens: str) -> subprocess.Popen[str]:
    script = str(Path(__file__).with_name("callers.py"))
    arguments = [what, system.settings.host, str(system.settings.port), str(seconds), *tokens]
    return subprocess.Popen([sys.executable, script, *arguments], stdout=subprocess.PIPE, text=True)


def _ended(callers: subprocess.Popen[str]) -> dict:
    out, _ = callers.communicate()
    assert callers.returncode == 0
    return dict(json.loads(out))
