"""The numbers of the database's advisory locks: their one home, so that no two things wait for each other by mistake.

They are never changed, and none that was given up is used again (…915, 916, 920): processes of two versions may run
side by side. Where SQL or a read model takes a lock it writes the number; it stands here all the same.
"""

from enum import IntEnum, unique


@unique
class Lock(IntEnum):
    """What each is held for."""

    APPENDING = 727164911
    """To append to the log; in log.append_events, to the commit."""
    MIGRATING = 727164912
    PREPARING_VIEWS = 727164913
    """To make the read models' tables; in projections/runner.py."""
    DATA_KEYS = 727164917
    """Shared to make or wrap data keys, alone to destroy them or retire a key-encryption key; also in log functions."""
    ROTATING = 727164918
    SHARING_OUT = 727164919
    """With the hash of some work as second number: to say who does which share of it."""
    SENDING = 727164921
    """With the hash of an agency as second number: to put on record what it was sent."""


class LeaseLost(Exception):
    """Another took the work meanwhile, on which this process had a lease (lease.py)."""
