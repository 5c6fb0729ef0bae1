"""Notices (納入通知): charges that are made together, and whose payers choose how to pay."""
