"""`rujukan agencies sync`: bring topics, users, permissions and quotas of a Kafka cluster in line with the agencies.

It can be run at any time, any number of times, and again after it was interrupted: it looks at what is there first.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from ...consumers.wire.kafka.access import KafkaAccess
from ...domain.fact import AgencyCode
from .administration import Administration
from .credentials import Credentials
from .planning import Member, Options, Plan, Step, plan, topics_of


def sync(
    access: KafkaAccess,
    agencies: Sequence[Member],
    options: Options,
    credentials: Path,
    new_passwords: frozenset[AgencyCode] = frozenset(),
    dry_run: bool = False,
    done: Callable[[Step], object] = lambda step: None,
) -> Plan:
    """Do what is to be done, telling each step when it is done; all of it, at once, on a dry run, which does nothing.
    Returns what there was to do. Raises ValueError, KafkaError, NotDone."""
    with Administration(access) as cluster:
        found = cluster.found([name for agency in agencies for name in topics_of(agency.code)])
        planned = plan(agencies, found, options, new_passwords)
        for step in planned.steps if dry_run else cluster.do(planned.steps, Credentials(credentials)):
            done(step)
    return planned
