"""A system that an earlier release ran, with its processes from the history of this repository, and that this one runs
from then on: on the same database, keys, topics and inboxes."""

from typing import Any

from rujukan.infra import composition

from .followers import DELETION, SharedCase, asking, case_shared, eventually, lead, needs, settled
from .load import share
from .parts import Program
from .world import SERVICE, Handled, World

RELEASES = {
    "before the rule had versions": "6f7f8a84986e8af335302394d261e4b541a379ec",
    "rule 2026-1": "6146d6157af1147028a590d2cd8aa9291c0d5b9b",
    "rule 2026-2": "682599ff827f5c0c96200355ecb2a668c9f7134f",
    "rule 2026-3": "be51089c6d1fef35a50446d8ce760b55c004e642",
    "rule 2026-4": "8559c4f44c399bc260e0728418c99bedab0ab69f",
}
"""The last commit of each: what it told, it told by its own rule."""
AGENCY = "rsud"


class Upgrade:
    """From an earlier release to this one. What the register had is compared with what it has in the end."""

    def __init__(self, world: World) -> None:
        self._world = world
        with lead(world) as person:
            self._shared: SharedCase = case_shared(person, AGENCY)
            needs(person, f"/cases/{self._shared.case}", AGENCY)

    def run(self) -> None:
        """Stop the service, migrate, and start this release."""
        world = self._world
        with world.quiet.kept():
            self._arrived()
            parts = [world.parts[name] for name in SERVICE]
            for part in parts:
                part.rest()
            with asking(world) as db:
                self._told = db.execute(_TOLD).fetchall()
                self._cases = {case for (case,) in db.execute(_CASES).fetchall()}
            self._handled = {agency: world.handled(agency) for agency in world.keys}
            assert self._told
            world.release = None
            composition.prepare(world.settings)
            for part in parts:
                assert isinstance(part, Program)
                part.environment = world.environment()
                part.release()
        world.told_otherwise |= self._cases

    def agencies(self) -> None:
        """The agencies' machines follow, each on its inbox of before."""
        for name in self._world.subscribers:
            part = self._world.parts[name]
            assert isinstance(part, Program)
            part.environment = {}
            part.kill()

    def goes_on(self) -> None:
        """What the earlier release told is asked back once its consent ends, and told anew by this one's rule."""
        with lead(self._world) as person:
            here = f"/cases/{self._shared.case}"
            person.post(f"{here}/consents/{self._shared.consent}/withdrawal")
            share(person, here, AGENCY)
        settled(self._world)

    def check(self) -> None:
        """Raises AssertionError."""
        with asking(self._world) as db:
            now = db.execute(_TOLD).fetchall()
        assert now[: len(self._told)] == self._told, "the register has otherwise what an earlier release told"
        case = str(self._shared.case)
        for agency, before in self._handled.items():
            after = self._world.handled(agency)
            assert after[: len(before)] == before, f"{agency} handled something again"
        before, after = ([row for row in rows if row.case == case] for rows in self._of_agency())
        assert before, "the earlier release told nothing of the case"
        asked = [row for row in after if row.topic == DELETION]
        assert asked, "a copy that lies there was not asked back"
        anew = {row.position for row in after if row.sequence > asked[0].sequence}
        assert {row.position for row in before if row.shown} & anew, "what was told was not told anew on a new consent"

    def _of_agency(self) -> tuple[list[Handled], list[Handled]]:
        before = self._handled[AGENCY]
        return before, self._world.handled(AGENCY)[len(before) :]

    def _arrived(self) -> None:
        """Its register is where the log is, and all that it told is handled."""

        def all_handled(db: Any) -> bool:
            heads = dict(db.execute("SELECT agency, sequence FROM delivery.heads").fetchall())
            return all(len(self._world.handled(a)) >= heads.get(a, 0) for a in self._world.keys)

        eventually(self._world, lambda db: db.execute(_HAS_ALL).fetchone()[0], "the register is where the log is")
        eventually(self._world, all_handled, "the agencies handled all they were told")


_HAS_ALL = "SELECT (SELECT max(notification_id) FROM log.stored_events) <= (SELECT position FROM delivery.reached)"
_TOLD = (
    "SELECT agency, sequence, id::text, case_id::text, position, at_position, compartments FROM delivery.told"
    " ORDER BY n"
)
_CASES = "SELECT DISTINCT case_id FROM delivery.told WHERE case_id IS NOT NULL"
