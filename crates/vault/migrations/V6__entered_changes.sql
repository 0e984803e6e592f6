-- Up to where changes of an event's holds are in the audit log. Scripts number them, epoch by epoch, in the step that makes them;
-- gatekeepers bring them in order, each as often as it takes, and each is entered once. It takes the place of log_batches, which
-- stays for vaults of the version before.
CREATE TABLE entered_changes (
    event_id uuid NOT NULL,
    epoch bigint NOT NULL CHECK (epoch > 0),
    number bigint NOT NULL CHECK (number >= 0),
    PRIMARY KEY (event_id, epoch)
) WITH (fillfactor = 50);
