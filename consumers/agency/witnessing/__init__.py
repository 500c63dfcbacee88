"""An agency as a witness of the ledger: `witness` cosigns what was only added to; `heads` is what it has
met; `at_work` fetches and serves.

It imports `evidence` only, and the package's part `verify` is all that it needs.
"""
