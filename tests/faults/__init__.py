"""The fault harness: what delivery must survive, and the check at the end. How it is run, what came of it: README.md.

`world` starts the whole system as real processes, with a wire before every server; `catalogue` has the faults; `load`
writes; `check` says whether every agency handled exactly what it was entitled to, once, in order, and whether anybody
else could open a message.
"""
