"""The command line's commands; infra/cli.py is the way in."""
