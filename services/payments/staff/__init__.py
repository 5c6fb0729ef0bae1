"""Staff of payments: signing in and out, and the frame of the pages under /operations."""
