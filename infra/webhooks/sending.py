"""The sender: posts to each agency's webhook what it is told, in order, the next only when the last was taken.

Nothing lives in memory only: what was taken, what failed and when it is tried again stands in the database, and any
sender takes over what another had. So a message may be posted twice, under the same `webhook-id`, and never lost. Slow
receivers cost no thread: many are waited for at once, and each attempt ends within its time.
"""

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event
from typing import NamedTuple, ParamSpec, TypeVar
from uuid import uuid4

import httpx
import msgspec

from ...api.application.casework import Casework
from ...api.application.kinds import AGENCY
from ...consumers.wire import envelope
from ...consumers.wire.envelope import Message
from ...domain import agency as agencies
from ...domain.delivery import Cursor
from ...domain.fact import Act, AgencyCode
from ...domain.refusal import Refusal
from ...domain.webhook import DisableWebhook, Reason
from ..database import AWAY
from ..delivery.agency_keys import NotTold
from ..delivery.bell import Bell
from ..delivery.telling import Tellings
from ..keys.home import Macs, Signing
from ..store.event_store import EventStore
from .addresses import Networks, Refused
from .rows import Claim, Rows
from .signature import mac_of, signatures, signer_of

log = logging.getLogger(__name__)
for noisy in ("httpx", "httpcore"):  # they log addresses, and an address may hold a secret
    logging.getLogger(noisy).setLevel(logging.WARNING)

SCHEDULE = (5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0)
"""Seconds to the next attempt after one failure, two …; the last is for all behind. The specification's example goes on
to a day; a referral that waits for a receiver to come back cannot."""
JITTER = 0.2
DISABLE_SECONDS = 5 * 86_400.0
"""A webhook that took nothing for so long is disabled."""
ATTEMPT_SECONDS = 20.0
LONGEST_RETRY_AFTER = 3_600.0
LARGEST_ANSWER = 4_096
"""What is read of an answer, so that the connection can be used again; it goes nowhere."""
DRAIN_SECONDS = 1.0
AT_ONCE = 256
"""Webhooks that one sender posts to at a time."""
PAGE = 20
THREADS = 4
LOOK_SECONDS = 0.5
LATER_SECONDS = 5.0
"""When to look again at an agency that is suspended, or has no key."""
NO_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout)
CONTENT_TYPE = "application/cloudevents+json"

P = ParamSpec("P")
T = TypeVar("T")


class Posted(NamedTuple):
    """A message, ready to be posted."""

    sequence: int
    id: str
    body: bytes
    of: Message


class Outcome(NamedTuple):
    """What came of an attempt: 'taken', or a word of ours, or a status; how long the receiver asks to wait."""

    said: str
    status: int = 0
    retry_after: float = 0.0

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 300


class Patience(NamedTuple):
    """How often is tried again, and for how long."""

    schedule: Sequence[float] = SCHEDULE
    disable_seconds: float = DISABLE_SECONDS
    attempt_seconds: float = ATTEMPT_SECONDS

    def pause(self, failures: int, asked: float) -> float:
        """Seconds to the next attempt after so many failures in a row, where the receiver asked for so long."""
        usual = self.schedule[min(failures, len(self.schedule)) - 1]
        return max(usual * random.uniform(1 - JITTER, 1 + JITTER), min(asked, LONGEST_RETRY_AFTER))  # noqa: S311


class Sender:
    """One sender of several. `act` gives the system's act, which disables what fails for too long."""

    def __init__(
        self,
        store: EventStore,
        tellings: Tellings,
        rows: Rows,
        macs: Macs,
        signing: Signing,
        networks: Networks,
        bell: Bell,
        casework: Casework,
        act: Callable[[], Act],
        patience: Patience,
    ) -> None:
        self._store, self._tellings, self._rows, self._macs, self._signing = store, tellings, rows, macs, signing
        self._networks, self._bell, self._casework, self._act, self._patience = networks, bell, casework, act, patience
        self._trust = ssl.create_default_context()
        self._threads = ThreadPoolExecutor(THREADS, "webhooks")
        self._renewing = ThreadPoolExecutor(1, "webhooks' leases")
        """Whatever the others do, the leases are renewed in time."""

    def run(self, stop: Event) -> None:
        """Post until told to stop. Raises what broke the database's connection."""
        asyncio.run(self._run(stop))

    async def _run(self, stop: Event) -> None:
        loop, wake = asyncio.get_running_loop(), asyncio.Event()

        def ring(_: frozenset[str] | None) -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(wake.set)

        unhear = self._bell.when_rung(ring)
        posting: dict[asyncio.Task[None], Claim] = {}
        keeping = asyncio.create_task(self._keep(posting))
        try:
            while not stop.is_set():
                wake.clear()
                if len(posting) < AT_ONCE:
                    for claim in await self._work(self._rows.claim, AT_ONCE - len(posting)):
                        task = asyncio.create_task(self._post_all(claim))
                        posting[task] = claim
                        task.add_done_callback(posting.pop)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await wake.wait()
        finally:
            unhear()
            keeping.cancel()
            left = dict(posting)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            given_back = (self._work(self._rows.leave, claim) for claim in left.values())  # also what had not begun yet
            await asyncio.gather(*given_back, return_exceptions=True)

    async def _keep(self, posting: Mapping[asyncio.Task[None], Claim]) -> None:
        """Keep what is posted to: an attempt may take longer than a lease, which ends soon where this is halted."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._rows.lease_seconds / 4)
            if claims := list(posting.values()):
                with suppress(*AWAY):  # who claims finds that out, and ends it
                    await loop.run_in_executor(self._renewing, self._rows.renew, claims)

    async def _work(self, call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: call(*arguments, **named))

    async def _post_all(self, claim: Claim) -> None:
        """Post to one webhook what waits for it, until all is taken, or something is not."""
        try:
            await self._session(claim)
        except NotTold:
            await self._work(self._rows.leave, claim, LATER_SECONDS)
        except Exception as problem:  # the lease runs out, and it is tried again
            log.warning("posting to a webhook starts again: %s", type(problem).__name__)

    async def _session(self, claim: Claim) -> None:
        macs = [mac_of(self._macs, claim.agency, n) for n in (claim.registration, claim.previous) if n]
        sign, sent, failures = signer_of(self._signing, claim.agency).sign, claim.sent, claim.failures
        seconds = self._patience.attempt_seconds
        patience = httpx.Timeout(seconds, connect=seconds / 4)  # so that there is time for another address
        client = httpx.AsyncClient(verify=self._trust, trust_env=False, follow_redirects=False, timeout=patience)
        async with client:
            while True:
                url = await self._work(self._url, claim)
                if url is None:
                    return await self._work(self._rows.leave, claim, LATER_SECONDS)
                page = await self._work(self._page, claim.agency, sent)
                if not page:
                    return await self._work(self._rows.leave, claim)
                for message in page:
                    now = int(time.time())
                    signed = await self._work(signatures, macs, sign, message.id, now, message.body)
                    headers = {
                        "content-type": CONTENT_TYPE,
                        "webhook-id": message.id,
                        "webhook-timestamp": str(now),
                        "webhook-signature": signed,
                        "user-agent": "rujukan",
                    }
                    outcome = await self._attempt(client, url, headers, message.body)
                    if not outcome.taken:
                        return await self._work(self._failed, claim, failures + 1, outcome)
                    if not await self._work(self._rows.taken, claim, message.sequence, message.of):
                        return None  # it was set anew, replayed or removed meanwhile
                    sent, failures = message.sequence, 0

    async def _attempt(self, client: httpx.AsyncClient, url: str, headers: dict[str, str], body: bytes) -> Outcome:
        """Post once, within its time."""
        try:
            async with asyncio.timeout(self._patience.attempt_seconds):
                return await self._post(client, self._networks.check(url), headers, body)
        except TimeoutError:
            return Outcome("no answer in time")
        except Refused:
            return Outcome("address not allowed")
        except (OSError, UnicodeError):
            return Outcome("name not resolved")
        except NO_CONNECTION:
            return Outcome("no connection")
        except httpx.HTTPError:
            return Outcome("connection broken")

    async def _post(self, client: httpx.AsyncClient, url: httpx.URL, headers: dict[str, str], body: bytes) -> Outcome:
        """Post to the addresses that the name has, the first that can be connected to. Raises Refused, OSError,
        httpx.HTTPError."""
        host = url.netloc.decode("ascii")
        sni = {"sni_hostname": url.raw_host.decode("ascii")} if url.scheme == "https" else {}
        addresses = await self._networks.resolve(url)
        for n, address in enumerate(addresses):
            request = client.build_request(
                "POST", url.copy_with(host=address), content=body, headers={**headers, "host": host}, extensions=sni
            )
            try:
                answer = await client.send(request, stream=True)
            except NO_CONNECTION:
                if n == len(addresses) - 1:
                    raise
                continue
            with suppress(TimeoutError, httpx.HTTPError):  # its status is here, which is all that counts
                async with asyncio.timeout(DRAIN_SECONDS):
                    await _drain(answer)
            await answer.aclose()
            return Outcome(f"status {answer.status_code}", answer.status_code, _retry_after(answer))
        raise AssertionError("unreachable")

    def _url(self, claim: Claim) -> str | None:
        """Where to post; None while nothing is to be posted, as the agency's stream has it now."""
        agency = agencies.fold(o.event for o in self._store.read(agencies.agency_stream(claim.agency)))
        if agency is None or not agency.active or agency.webhook is None or agency.webhook.disabled is not None:
            return None
        return agency.webhook.url if agency.webhook.registration == claim.registration else None

    def _page(self, agency: AgencyCode, after: int) -> list[Posted]:
        messages = self._tellings.seal(self._tellings.after(agency, Cursor(after), PAGE))
        return [Posted(m.sequence, m.id, msgspec.json.encode(envelope.to_cloudevent(m)), m) for m in messages]

    def _failed(self, claim: Claim, failures: int, outcome: Outcome) -> None:
        pause = self._patience.pause(failures, outcome.retry_after)
        failing = self._rows.failed(claim, outcome.said, pause)
        if outcome.status == 410:
            self._disable(claim, "gone")
        elif failing >= self._patience.disable_seconds:
            self._disable(claim, "failing")

    def _disable(self, claim: Claim, reason: Reason) -> None:
        """Say in the log that it is disabled; the register then takes it out. Killed before, the next attempt does."""
        act = self._act()
        command = DisableWebhook(occurred_at=act.at, registration=claim.registration, reason=reason)
        try:
            self._casework.handle(AGENCY, claim.agency, command, act, correlation=uuid4())
        except Refusal:
            log.info("a webhook was not disabled: it was set anew, removed or disabled meanwhile")


async def _drain(answer: httpx.Response) -> None:
    """Read a little of the answer and forget it; what is larger ends the connection."""
    size = 0
    async for part in answer.aiter_raw():
        size += len(part)
        if size > LARGEST_ANSWER:
            return


def _retry_after(answer: httpx.Response) -> float:
    said = answer.headers.get("retry-after", "")
    return float(said) if said.isascii() and said.isdigit() and len(said) < 7 else 0.0
