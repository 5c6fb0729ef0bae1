"""Static codes: the QR codes that lie on counters (JPQR, EMVCo merchant-presented), read, checked, kept and printed."""
