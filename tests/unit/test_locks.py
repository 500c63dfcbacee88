"""Advisory locks: every number has one meaning, wherever it is written."""

import re
from pathlib import Path

from rujukan.infra.locks import Lock

TOP = Path(__file__).parents[2]
WRITTEN_OUT = {
    "projections/runner.py": {Lock.PREPARING_VIEWS},
    "infra/migrations/0001_log.sql": {Lock.APPENDING},
    "infra/migrations/0003_erasure.sql": {Lock.DATA_KEYS},
    "infra/migrations/0009_planned.sql": {Lock.APPENDING},
    "infra/migrations/0018_leases.sql": {Lock.DATA_KEYS},
    "infra/migrations/0038_proposals_of_erased.sql": {Lock.DATA_KEYS},
    "infra/migrations/0041_kept.sql": {Lock.DATA_KEYS},
    "infra/migrations/0049_proposals_name_their_case.sql": {Lock.DATA_KEYS},
}


def test_a_lock_is_written_out_only_where_its_name_cannot_be():
    found: dict[str, set[int]] = {}
    for file in [*TOP.glob("[a-z]*/**/*.py"), *TOP.glob("infra/**/*.sql")]:
        if file.name == "locks.py":
            continue
        numbers = {int(n) for n in re.findall(r"advisory_(?:xact_)?(?:un)?lock(?:_shared)?\((\d+)", file.read_text())}
        if numbers:
            found[str(file.relative_to(TOP))] = numbers
    assert found == WRITTEN_OUT
