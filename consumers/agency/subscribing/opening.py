"""Opens what arrives, with the keys that are here; and tells a key that is lacking from a delivery that is at fault.

What the service signed and no key here opens is sealed to a key that is not here: a wrong file, one that was taken away
too early, or one that is lost. That is no fault of the delivery, which may be an emergency. So it waits, and nothing
behind it is handled or acknowledged, until its key is here. It is a dead letter where another was opened under the same
key; where one behind it opens, as then its key was given up for another; or where a person said that the key is lost.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ...wire.envelope import KEY_FINGERPRINT, Attributes, CannotOpen, Opener, Rejected
from ..inbox.handling import Rules
from ..inbox.inbox import Inbox
from ..inbox.taking import Opened
from ..transports.feed import Feed
from ..transports.transport import Arrived
from .keys import Keys
from .part import Part
from .recovery import recover

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""So often, at the most, it looks for keys that were added."""
SAY_SECONDS = 60.0


class Opening:
    """Of one subscription. All but `open`, `say` and `words` may raise what the inbox raises."""

    def __init__(
        self, name: str, keys: Keys, pinned: Iterable[Ed25519PublicKey], inbox: Inbox[Any], part: Part, rules: Rules
    ) -> None:
        self._name, self._keys, self._inbox, self._part, self._rules = name, keys, inbox, part, rules
        self.opener = Opener(keys, pinned)
        self._decided = set(rules.lost)
        """What keys are called under which something opened, or that are known to be lost."""
        self._held: Opened | None = None
        self._is_noted = True
        """Whether the inbox may say that something waits: another process may have noted it."""
        self._tried: set[str] = set()
        self._sought: set[str] = set()
        self._looked = self._said = 0.0

    def open(self, attributes: Attributes, sealed: Arrived, feed: Feed | None = None) -> Opened:
        """A message whose signature was checked, opened where that can be."""
        if attributes.keyid not in self._sought and all(k.id != attributes.keyid for k in self.opener.keys.values()):
            self._sought.add(attributes.keyid)  # its file is there before anything is sealed to it
            self._looked = 0.0
            self.look(feed)
        return self._opened(attributes, sealed)

    def holds(self, opened: Sequence[Opened], behind: Iterable[tuple[Attributes, Arrived]]) -> int | None:
        """Which of these, the first, has to wait, with all behind it; None where none has. `behind` is all that came
        with them: what is sealed anew comes behind its own number, and may be of lower ones."""
        for n, one in enumerate(opened):
            if one.reason == "unknown-schema":
                return self._hold(one, n)
            if one.reason != "cannot-open":
                self._decided.add(one.attributes.keyid)
            elif one.attributes.keyid not in self._decided:
                if all(other.reason == "cannot-open" for other in opened[n + 1 :]) and not any(
                    self._speaks_for(one, *message) for message in behind
                ):
                    return self._hold(one, n)
                self._give_up(one)
        if opened and self._is_noted:
            self._held, self._is_noted = None, False
            with self._inbox.transaction():
                self._inbox.notes.wait_here(self._name, "")
        return None

    def goes_on(self, received: Iterable[Arrived]) -> bool:
        """Whether what waits need not wait any more: it can be opened now; or one of those that came behind it can, so
        that its key was given up for another."""
        held = self._held
        if held is None:
            return True
        if self._opened(held.attributes, held.sealed).reason is None:
            self._held = None
            return True
        for sealed in received if held.reason == "cannot-open" else ():
            try:
                attributes = self.opener.verified(sealed.headers, sealed.key, sealed.value)
            except Rejected:
                continue
            if self._speaks_for(held, attributes, sealed):
                self._give_up(held)
                self._held = None
                return True
        return False

    def look(self, feed: Feed | None) -> None:
        """Take in keys that were added, and handle what lies in the dead letters for want of them."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        self.opener.keys.update({key.fingerprint: key for key in self._keys})
        for fingerprint in self.opener.keys.keys() - self._tried:
            self._tried.add(fingerprint)
            called = self.opener.keys[fingerprint].id
            for n, key_id in self._inbox.letters.locked(self._name):
                recover(self._inbox, self._name, n, self.opener, feed if key_id == called else None, self._rules)

    def say(self) -> None:
        """In the log, now and then, while something waits."""
        if self._held is not None and (not self._said or time.monotonic() - self._said > SAY_SECONDS):
            self._said = time.monotonic()
            log.critical("%s", self.words)

    @property
    def words(self) -> str:
        """What waits for what, and what to do; empty where nothing does."""
        if self._held is None:
            return ""
        number, about, delivery = self._held.number, self._held.attributes, self._held.delivery
        if delivery is not None:
            return (
                f"number {number} is {delivery.topic} in version {delivery.schema} of its schema, of a later release"
                " than this: it and all behind it wait, nothing of them is handled or acknowledged. Bring this side up"
                " to date, and start it again; nothing is lost"
            )
        hint = dict(self._held.sealed.headers).get(KEY_FINGERPRINT) or b""
        sealed_to = f"{about.keyid} (fingerprint {hint.decode('ascii', 'replace') or 'not said'})"
        here = ", ".join(f"{key.id} (fingerprint {key.fingerprint})" for key in self.opener.keys.values())
        return (
            f"number {number} is sealed to the key {sealed_to}, which none of the keys here opens: {here or 'none'}."
            " It and all behind it wait, nothing of them is handled or acknowledged, and nothing is lost. Put the right"
            " key there: a file in --keys DIR is seen at once, with --key FILE start again. Where that key is lost, ask"
            f" for what was sealed to it to be sealed anew (POST /agencies/CODE/keys/KEY/resealing), or say --lost-key"
            f" {about.keyid}: then it goes to the dead letters"
        )

    def _opened(self, attributes: Attributes, sealed: Arrived) -> Opened:
        number = self._part.number(attributes)
        try:
            delivery = self.opener.unseal(attributes, sealed.value)
        except CannotOpen:
            return Opened(number, sealed, attributes, None, "cannot-open")
        knows = self._rules.knows
        if knows is not None and not knows(delivery.topic, delivery.schema):
            return Opened(number, sealed, attributes, delivery, "unknown-schema")
        return Opened(number, sealed, attributes, delivery)

    def _speaks_for(self, held: Opened, attributes: Attributes, sealed: Arrived) -> bool:
        """Whether this, which came behind what is held, opens: the key of what is held was given up for another."""
        is_behind = self._part.number(attributes) >= held.number
        return is_behind and self._opened(attributes, sealed).reason != "cannot-open"

    def _hold(self, one: Opened, n: int) -> int:
        is_new = self._held is None or self._held.number != one.number
        self._held = one
        if is_new:
            self._said, self._is_noted = 0.0, True
            with self._inbox.transaction():
                self._inbox.notes.wait_here(self._name, self.words)
        self.say()
        return n

    def _give_up(self, one: Opened) -> None:
        """Its key is not waited for any more."""
        self._decided.add(one.attributes.keyid)
        log.error("the key %s is not here, and what is behind opens: it is lost", one.attributes.keyid)
