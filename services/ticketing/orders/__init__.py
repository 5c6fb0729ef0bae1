"""Orders: what one visitor buys at once, from the hold to the confirmation."""
