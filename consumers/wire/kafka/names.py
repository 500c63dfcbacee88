"""What topics are called; needs no client."""

PREFIX = "rujukan.agency."


def topic_of(agency: str) -> str:
    """The topic of an agency."""
    return PREFIX + agency


def agency_of(topic: str) -> str | None:
    """The agency whose topic that is, for what it is told; None for any other topic."""
    agency = topic.removeprefix(PREFIX)
    return agency if agency and agency != topic and "." not in agency else None


def acks_of(agency: str) -> str:
    """The topic where an agency says what it received and handled."""
    return f"{topic_of(agency)}.acks"


def dead_letters_of(agency: str) -> str:
    """The topic where an agency puts what it could not handle."""
    return f"{topic_of(agency)}.dead-letters"
