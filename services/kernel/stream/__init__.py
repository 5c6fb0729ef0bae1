"""The event stream: one protocol, a Kafka adapter and a PostgreSQL adapter."""
