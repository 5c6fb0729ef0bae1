"""Layouts of exports: which column of a file for another system says what of the journal, as accounting writes it."""
