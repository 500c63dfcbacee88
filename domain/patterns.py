"""How patterns of texts are written for others. Python's `$` fits before a line break at the end, too, so that ours
look ahead; in JSON Schema `$` is the end alone, and many engines (RE2, Rust's) cannot look ahead."""

import re

_ONLY_THE_END = re.compile(r"\$\(\?!(\n|\\n)\)")


def for_others(pattern: str) -> str:
    """A pattern of ours as schemas have it."""
    return _ONLY_THE_END.sub("$", pattern)
