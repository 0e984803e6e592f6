-- Batches of the audit log that gatekeepers send until they know that they arrived. Each is entered once; known for an hour, and
-- nobody sends one for longer than half of that.
CREATE TABLE log_batches (
    batch_id uuid PRIMARY KEY,
    arrived_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX log_batches_by_time ON log_batches (arrived_at);
