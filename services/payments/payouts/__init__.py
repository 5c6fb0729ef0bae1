"""What providers paid out to our bank."""
