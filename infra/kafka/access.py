"""How the settings say that Kafka is reached: as the service, and as who administers the cluster."""

from pathlib import Path

from ...consumers.wire.kafka.access import KafkaAccess, password_in
from ..settings import PREFIX, Settings


def service_access(settings: Settings) -> KafkaAccess:
    """As the service. Raises ValueError, OSError for settings that do not fit together or files that cannot be read."""
    return _access(settings, "kafka", settings.kafka_user, settings.kafka_password)


def admin_access(settings: Settings) -> KafkaAccess:
    """As who administers it; raises as `service_access`. A cluster without users is everybody's to administer."""
    return _access(settings, "kafka_admin", settings.kafka_admin_user, settings.kafka_admin_password)


def _access(settings: Settings, who: str, user: str, password: Path | None) -> KafkaAccess:
    if not settings.kafka:
        raise ValueError(f"say where Kafka is: {PREFIX}KAFKA")
    if bool(user) != bool(password):
        name = f"{PREFIX}{who.upper()}"
        raise ValueError(f"say both, a user and the file with its password: {name}_USER, {name}_PASSWORD")
    return KafkaAccess(settings.kafka, settings.kafka_ca, user, password_in(password) if password else "")
