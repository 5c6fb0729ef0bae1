"""What providers paid out, fetched from payments instead of sent by somebody as a file."""
