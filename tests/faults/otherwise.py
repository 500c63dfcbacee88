"""A process of the service as another release would be, or one with an error: `python otherwise.py HOW PROCESS`.

HOW is `rule`: the disclosure rule tells nobody but who wrote it what a survivor needs; or `fold:NAME`: that read model
raises at each flag.
"""

import sys
from typing import Any

OTHER_RULE = "another"


def another_rule() -> None:
    from rujukan.domain import disclosure
    from rujukan.domain.case.assessments import NeedsAssessed

    may_learn = disclosure._may_learn

    def may_learn_less(case: Any, of: Any, agency: str, *rest: Any) -> Any:
        hidden = isinstance(of.event, NeedsAssessed) and agency != of.author
        return frozenset() if hidden else may_learn(case, of, agency, *rest)

    disclosure._may_learn = may_learn_less
    disclosure.RULE = OTHER_RULE


def raising(name: str) -> None:
    from rujukan import projections
    from rujukan.domain.case.flags import FlagRaised

    model: Any = next(p for p in projections.ALL if p.name == name)
    fold = model.fold

    def fold_or_raise(self: Any, db: Any, batch: Any) -> None:
        fold(self, db, batch)
        if any(isinstance(followed.written.event, FlagRaised) for followed in batch):
            raise ZeroDivisionError

    model.fold = fold_or_raise


if __name__ == "__main__":
    how, process = sys.argv[1:]
    another_rule() if how == "rule" else raising(how.removeprefix("fold:"))
    from rujukan.infra.cli import main

    sys.exit(main([process]))
