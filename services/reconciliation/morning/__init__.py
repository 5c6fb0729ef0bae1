"""The morning: what agrees, what is due, what is missing and who waits for whom, at a glance."""
