"""The momiji command: start, demonstrate, examine."""
