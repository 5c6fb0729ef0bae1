"""Cases: money or outcomes that a person has to look at."""
