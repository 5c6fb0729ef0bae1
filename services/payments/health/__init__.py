"""Health: whether a provider's operations may be called now, and how often again."""
