"""Kafka as a transport. Here, and nowhere else in the agency's side, the Kafka client is needed."""
