"""Messages: what providers send us, kept as it came."""
