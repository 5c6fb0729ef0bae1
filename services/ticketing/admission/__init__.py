"""Admission: gates, scans, and the one entry that a ticket gives at each facility."""
