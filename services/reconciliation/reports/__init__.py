"""Reports: one folder for each, found by discovery; each makes a document that pages show and files hold."""
