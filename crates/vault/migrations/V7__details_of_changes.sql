-- What each of a row's changes is about, where they differ: holds' tickets or seats. What all have in common stays in detail.

-- Bookings wait for this, which takes no time once it has its lock; the vault tries again if it does not get that soon. Rows of
-- before have no details, and need not be looked at.
SET LOCAL lock_timeout = '2s';
ALTER TABLE audit_log ADD COLUMN details jsonb [];
ALTER TABLE audit_log ADD CONSTRAINT audit_log_details_check
CHECK (details IS NULL OR cardinality(details) = cardinality(actions)) NOT VALID;
