-- Whose lines a file has; '' of a bank's file, and of files that came before this was noted. Pieces of files are compressed
-- by zstd from here on.
ALTER TABLE statement_files ADD COLUMN provider text NOT NULL DEFAULT '';

-- A run looks at the open lines of its provider alone.
ALTER TABLE open_lines ADD COLUMN provider text;
UPDATE open_lines SET provider = l.provider FROM settlement_lines AS l WHERE l.id = line_id;
ALTER TABLE open_lines ALTER COLUMN provider SET NOT NULL;
