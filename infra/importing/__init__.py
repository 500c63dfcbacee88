"""Logs of other systems, which become cases and referrals."""
