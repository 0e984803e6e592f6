-- What each of a row's changes is about, where they differ: holds' tickets or seats. What all have in common stays in detail.
ALTER TABLE audit_log ADD COLUMN details jsonb []
CHECK (details IS NULL OR cardinality(details) = cardinality(actions));
