"""An agency as a witness of the ledger: `witness` cosigns what was only added to; `at_work` fetches and serves.

It imports `evidence` only, and `rujukan[verify]` is all that it needs.
"""
