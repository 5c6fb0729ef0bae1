-- What a run made is counted without looking through what all others made: runs write their matches one behind the other.
CREATE INDEX match_legs_by_run ON match_legs USING brin (run_id) WITH (autosummarize = on);
