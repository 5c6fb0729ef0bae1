"""Staff: signing in, and the office of a facility."""
