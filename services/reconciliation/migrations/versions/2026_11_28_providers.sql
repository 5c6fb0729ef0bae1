-- Whose lines a file has; '' of a bank's file, and of files that came before this was noted.
ALTER TABLE statement_files ADD COLUMN provider text NOT NULL DEFAULT '';
