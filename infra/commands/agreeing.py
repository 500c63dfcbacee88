"""What destroys, or writes over, asks first."""

import argparse

ADVICE = "nobody can be asked here: say --yes if that is what you want"


def add_yes(command: argparse.ArgumentParser, what: str) -> None:
    """The flag of a command that asks first; `what` it then does."""
    command.add_argument("--yes", action="store_true", help=f"do not ask before {what}")


def agreed(question: str, said: argparse.Namespace) -> bool:
    """Whether the operator wants it: by `--yes`, or by what they answer. Where nobody can be asked that is a no, and it
    says so."""
    if said.yes:
        return True
    try:
        return input(f"{question} [y/N] ").strip().lower() == "y"
    except EOFError:
        print(f"\n{ADVICE}")
        return False
