"""What was signed last, in a file beside the database."""

from pathlib import Path

from ...consumers import durable
from ...consumers.evidence.checkpoints import parse_checkpoint
from ...consumers.evidence.notes import Note, parse_note
from ...consumers.evidence.refused import NotProven


class NotExtended(Exception):
    """The database does not extend what was signed before. Nothing is signed until a person has looked."""


class Guard:
    """What was signed last, kept outside of the database."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def last(self) -> Note | None:
        """What was signed last; None where nothing was. Raises NotExtended for a file that does not say it."""
        try:
            note = parse_note(self._file.read_bytes())
            parse_checkpoint(note.text)
        except FileNotFoundError:
            return None
        except (OSError, NotProven) as problem:
            raise NotExtended(f"{self._file} does not say what was signed last: {problem}") from None
        return note

    def of_log(self, origin: str) -> Note | None:
        """What was signed last of that log; None where nothing was, or of another log. Raises NotExtended."""
        note = self.last()
        return note if note is not None and parse_checkpoint(note.text).origin == origin else None

    def keep(self, note: Note) -> None:
        """Remember, durably. Raises NotExtended where it cannot be kept."""
        try:
            durable.directory(self._file.parent)
            durable.replace(self._file, note.data)
        except OSError as problem:
            raise NotExtended(f"{self._file} cannot keep what was signed last: {problem.strerror}") from None
