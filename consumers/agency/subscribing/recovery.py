"""Dead letters, handled after all: when the key is there, or the handler was mended."""

from typing import Any

from ...wire.envelope import Opener, Rejected
from ..inbox.handling import Rules
from ..inbox.inbox import Inbox
from ..inbox.taking import Opened
from ..transports.feed import Feed
from ..transports.transport import Arrived, DeadLetter, Unreachable


class NotRecovered(Exception):
    """Why a dead letter still is one. The message names no content."""


def opened(letter: DeadLetter, opener: Opener, feed: Feed | None = None) -> Opened:
    """A dead letter, opened; from the feed where its bytes are not kept, or were sealed to a key that is lost.
    Raises NotRecovered."""
    if letter.sequence is None:
        raise NotRecovered("the service did not sign it")
    if letter.sealed is not None:
        try:
            return _opened(letter.sealed, letter, opener)
        except NotRecovered:
            if feed is None:
                raise
    return _opened(_fetched(letter.sequence, feed), letter, opener)


def recover(
    inbox: Inbox[Any], name: str, n: int, opener: Opener, feed: Feed | None = None, rules: Rules | None = None
) -> str:
    """Hand a dead letter to the inbox's handler; empty where that went well, otherwise why not. By `rules`, where no
    person asks for it: what killed too many processes is left alone."""
    letter = inbox.letters.get(name, n)
    if letter is None or letter.state != "open":
        return "there is no such dead letter"
    if rules is not None and inbox.kills(name, letter, rules):
        return "processes died of it"
    try:
        ready = opened(letter, opener, feed)
    except NotRecovered as problem:
        return str(problem)
    try:
        inbox.recover(name, ready)
    except Exception as problem:
        with inbox.transaction():
            inbox.letters.failed_again(n, type(problem).__name__)
        return f"the handler raised {type(problem).__name__}"
    return ""


def _opened(sealed: Arrived, letter: DeadLetter, opener: Opener) -> Opened:
    try:
        attributes = opener.verified(sealed.headers, sealed.key, sealed.value)
        sequence = int(attributes.sequence)
        if (sequence, attributes.id) != (letter.sequence, letter.id):
            raise NotRecovered("the feed gave another")
        return Opened(sequence, sealed, attributes, opener.unseal(attributes, sealed.value))
    except Rejected as problem:
        raise NotRecovered(str(problem)) from None


def _fetched(sequence: int, feed: Feed | None) -> Arrived:
    if feed is None:
        raise NotRecovered("its bytes are not kept; a feed has them")
    try:
        messages = feed.page(sequence - 1, 1).messages
    except Unreachable as problem:
        raise NotRecovered(f"the feed does not have it: {problem}") from None
    if not messages:
        raise NotRecovered("the feed does not have it")
    return messages[0]
