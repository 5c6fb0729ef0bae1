SELECT 1; -- Filled by the slice that needs it, before this revision is released.
