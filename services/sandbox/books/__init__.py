"""The providers' own books, for tests to compare ours with."""
