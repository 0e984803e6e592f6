-- Up to where changes of an event's holds are in the audit log. Scripts number them, epoch by epoch, in the step that makes them;
-- gatekeepers bring them in order, each as often as it takes, and each is entered once.
CREATE TABLE entered_changes (
    event_id uuid NOT NULL,
    epoch bigint NOT NULL CHECK (epoch > 0),
    number bigint NOT NULL CHECK (number >= 0),
    PRIMARY KEY (event_id, epoch)
) WITH (fillfactor = 50);

-- Gatekeepers gave batches ids of their own before.
-- squawk-ignore ban-drop-table
DROP TABLE log_batches;
