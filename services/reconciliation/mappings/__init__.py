"""Mappings of columns that accounting makes: any table of a provider becomes a statement, without code."""
