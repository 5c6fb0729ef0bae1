"""Lines of statements as people look at them: what a bank or a provider says, and what it is matched with."""
