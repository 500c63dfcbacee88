"""A webhook as a transport: the service posts each message to an address of the agency's, as Standard Webhooks 1.0.0
has it, and posts the next when the last was taken.

It is taken, 204, once the inbox has committed what became of it: it was handled, had been before, or is a dead letter.
As long as that is not so, because a handler says NotNow, the inbox's database is away, or a message before it is
missing, the answer is 503 and the service tries again. So nothing is ever only here.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from threading import Condition

from ...wire.acknowledgement import Acknowledgement
from ...wire.envelope import Rejected, from_cloudevent
from . import flat_json
from .feed import Feed
from .feed_source import FeedReplies, sequence_of
from .listener import Answer, Limits, Listener, Request
from .transport import Arrived, Bookmark, DeadLetter, Last, Replies, Unreachable
from .webhook_signature import TOLERANCE_SECONDS, NotSigned, WebhookKeys

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/cloudevents+json"
ANSWER_SECONDS = 12.0
"""So long a post waits to be committed; the service itself gives up after 20."""
MOST_POSTS = 64
COMPLAIN_SECONDS = 60.0
TAKEN = Answer(204)
LATER = Answer(503, "not now", retry_after=1)
NOT_THE_SERVICES = Answer(422, "the service did not sign the message inside, or it is for another agency")


class _Post:
    """A message that was posted, and who waits to hear what became of it."""

    def __init__(self, sealed: Arrived) -> None:
        self.sealed = sealed
        self.waiting: list[asyncio.Future[Answer]] = []
        self.is_given = False


class WebhookSource:
    """Messages as the service posts them to `listen`, a host and a port.

    `keys` are the webhook's: `whsec_…` (several, while one is replaced) or `whpk_…`; or says them whenever something
    was posted. Acknowledgements go by way of `feed`: over a webhook nothing goes back."""

    def __init__(
        self,
        agency: str,
        listen: tuple[str, int],
        keys: Iterable[str] | Callable[[], Iterable[str]],
        *,
        feed: Feed | None = None,
        certificate: Path | None = None,
        certificate_key: Path | None = None,
        tolerance: float = TOLERANCE_SECONDS,
        limits: Limits | None = None,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        """Raises OSError where it cannot listen there, ValueError for a key that is none."""
        self.agency = agency
        self._keys: Callable[[], Iterable[str]] = keys if callable(keys) else partial(tuple, tuple(keys))
        WebhookKeys(self._keys())
        self._feed = feed
        self._tolerance, self._answer_seconds = tolerance, answer_seconds
        self._changed = Condition()
        self._posts: dict[tuple[int, str], _Post] = {}
        self._complained: dict[str, float] = {}
        self._make = partial(Listener, take=self._take, certificate=certificate, key=certificate_key, limits=limits)
        self._listener = self._make(listen)
        self._state = "new"

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self._listener.address

    def start(self, place: Bookmark | None, last: Last) -> None:  # noqa: ARG002  # the service knows what was taken
        """Begin to answer. What was given out before and is not settled is to be posted again."""
        if self._state == "closed":
            try:
                self._listener = self._make(self.address)
            except OSError as problem:
                raise Unreachable(type(problem).__name__) from None
        if self._state != "open":
            self._listener.start()
            self._state = "open"
        self._answer(lambda post: LATER if post.is_given else None)

    def receive(self, seconds: float) -> Sequence[Arrived]:
        """What was posted."""
        with self._changed:
            self._changed.wait_for(lambda: any(not post.is_given for post in self._posts.values()), seconds)
            found = [post for post in self._posts.values() if not post.is_given]
            for post in found:
                post.is_given = True
            return [post.sealed for post in found]

    def settled(self, waiting: Sequence[Arrived], refused: Sequence[Arrived]) -> None:
        """Answer those that were given out, but for those that wait for one that is missing."""
        waits, bad = {id(sealed) for sealed in waiting}, {id(sealed) for sealed in refused}

        def becomes(post: _Post) -> Answer | None:
            if not post.is_given or id(post.sealed) in waits:
                return None
            return NOT_THE_SERVICES if id(post.sealed) in bad else TAKEN

        self._answer(becomes)
        if bad:
            self._complain(NOT_THE_SERVICES.said)

    @property
    def at_end(self) -> bool:
        """Who is posted to never knows."""
        return False

    def replies(self) -> Replies:
        """The way back, by the feed."""
        return FeedReplies(self._feed.again()) if self._feed is not None else _NoReplies()

    def close(self) -> None:
        """Stop listening."""
        self._answer(lambda post: LATER)
        self._listener.close()
        self._state = "closed"

    def _answer(self, becomes: Callable[[_Post], Answer | None]) -> None:
        """Let go of the posts of which something became, and tell who waits for them."""
        with self._changed:
            answers = {key: answer for key, post in self._posts.items() if (answer := becomes(post)) is not None}
            posts = [(self._posts.pop(key), answer) for key, answer in answers.items()]
        for post, answer in posts:
            for future in post.waiting:
                self._listener.call(partial(_resolve, future, answer))

    # In the listener's thread

    async def _take(self, request: Request) -> Answer:
        """What is answered to a post."""
        try:
            WebhookKeys(self._keys()).check(request.headers, request.body, time.time(), self._tolerance)
        except NotSigned as why:
            self._complain(str(why))
            return Answer(401, str(why))
        except (OSError, ValueError) as problem:
            self._complain(f"the keys cannot be read: {type(problem).__name__}")
            return LATER
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != CONTENT_TYPE:
            return Answer(415, f"it is not {CONTENT_TYPE}")
        try:
            sealed = Arrived(*from_cloudevent(flat_json.read(request.body, dict[str, object])))
        except (ValueError, Rejected):
            return Answer(400, "not a sealed message as CloudEvents JSON")
        heard: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if not self._put(sealed, heard):
            return LATER
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await heard
        except TimeoutError:
            return LATER

    def _put(self, sealed: Arrived, heard: asyncio.Future[Answer]) -> bool:
        """Keep it until it is asked for; whether there is room. What is posted again meanwhile waits with the first."""
        id = next((text or b"" for name, text in sealed.headers if name == "ce_id"), b"").decode("latin-1")
        key = sequence_of(sealed), id
        with self._changed:
            post = self._posts.get(key)
            if post is None:
                if len(self._posts) >= MOST_POSTS:
                    return False
                post = self._posts[key] = _Post(sealed)
                self._changed.notify()
            post.waiting = [one for one in post.waiting if not one.done()]
            post.waiting.append(heard)
        return True

    def _complain(self, why: str) -> None:
        """Say so in the log, but not each time."""
        if time.monotonic() - self._complained.get(why, -COMPLAIN_SECONDS) >= COMPLAIN_SECONDS:
            self._complained[why] = time.monotonic()
            log.warning("something that was posted is not taken: %s", why)


class _NoReplies:
    """Nothing goes back; what there is to say stays in the inbox."""

    def acknowledge(self, said: Acknowledgement) -> None:  # noqa: ARG002
        raise Unreachable("a webhook has no way back; give the feed too")

    def dead_letters(self, letters: Iterable[DeadLetter]) -> None:
        """They are in the inbox."""

    def close(self) -> None:
        """Nothing is held."""


def _resolve(future: "asyncio.Future[Answer]", answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)
