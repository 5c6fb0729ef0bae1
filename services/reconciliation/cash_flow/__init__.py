"""Cash flow: what is due from whom and when, what came, and what is late."""
