"""How long tests wait for what is to come about."""

PATIENCE_SECONDS = 180.0
"""Then a test says that it does not come about: far from how long that takes, also on a machine that is busy."""
