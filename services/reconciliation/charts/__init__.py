"""Charts: drawn by the server, readable as tables, the same on screen and paper."""
