"""The journal: double entry of what ledger, providers and banks tell, in a chain that shows tampering."""
