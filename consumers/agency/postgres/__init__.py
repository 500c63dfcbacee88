"""An inbox in PostgreSQL. Here, and nowhere else in the agency's side, its client is needed."""
