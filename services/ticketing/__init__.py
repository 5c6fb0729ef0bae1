"""Ticketing: facilities, orders, tickets, admission."""
