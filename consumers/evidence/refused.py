"""Why something proves nothing. One class a reason, so that a test, a log line and a person can tell them apart."""


class NotProven(Exception):
    """A check failed. The message says which; it carries no content."""


class Malformed(NotProven):
    """Not in the format it should be in."""


class NoTrustedSignature(NotProven):
    """Nobody who is trusted signed it."""


class WrongSignature(NotProven):
    """A signature line names a trusted key, and was not made with it."""


class NotIncluded(NotProven):
    """The proof does not lead from the leaf to the root."""


class NotConsistent(NotProven):
    """The newer tree is not proved to be the older one with leaves added."""


class Forked(NotConsistent):
    """The newer tree is the one that was signed, and it does not begin with the older one: the log has two
    histories. No proof that anybody makes up does this to an honest log."""


class NoQuorum(NotProven):
    """Too few of the witnesses that the policy asks for cosigned."""


class UnknownLog(NotProven):
    """The checkpoint is of a log that the policy does not name."""


class WrongSegmentKey(NotProven):
    """The disclosed key is not the one that the segment was sealed under."""
