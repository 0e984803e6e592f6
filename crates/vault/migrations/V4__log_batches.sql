-- Batches of the audit log that gatekeepers send until they know that they arrived. Each is entered once; known for an hour, and
-- nobody sends one for longer than half of that.
CREATE TABLE log_batches (
    batch_id uuid PRIMARY KEY,
    arrived_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX log_batches_by_time ON log_batches (arrived_at);

-- When each of a row's changes was made, where that was before the row: holds' are sent some time later.
ALTER TABLE audit_log ADD COLUMN made_at timestamptz []
CHECK (made_at IS NULL OR cardinality(made_at) = cardinality(actions));
