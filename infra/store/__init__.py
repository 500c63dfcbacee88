"""Where events are kept: sealed, appended once, opened again, and past opening once their keys are destroyed."""
