"""Why a subscription handles nothing more for now. Each is waited out, or ended by a person; none loses anything."""


class GapStands(Exception):
    """A number is missing, and nobody has it now."""


class SeenOtherwise(Exception):
    """A number came again with another delivery than before: the service's history forked, and one of the two is not
    what the service stands by. Nothing more is handled until a person has looked at the dead letters."""


class Waits(Exception):
    """A delivery waits for something here, a key or a newer release, and all behind it waits with it."""
