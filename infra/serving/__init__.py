"""The log and the read models as the application asks for them (api/application/ports.py)."""
