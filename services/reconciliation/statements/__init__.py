"""Statements: what providers and banks say they did, read strictly. Each format is a folder beside this module."""
