-- Who may do what beside tokens, what customers tell of themselves, and who changed what.

-- Keys of box offices and programs. The secret has 244 random bits, which no slow hash would protect better.
CREATE TABLE api_keys (
    key_id uuid PRIMARY KEY,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    role text NOT NULL CHECK (role IN ('box_office', 'operator')),
    -- SHA-256 of the secret.
    secret_digest text NOT NULL UNIQUE CHECK (char_length(secret_digest) = 64),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);

-- What customers choose to tell. Removed when they say so; nothing else refers to it.
CREATE TABLE profiles (
    customer_id uuid PRIMARY KEY,
    name text CHECK (char_length(name) BETWEEN 1 AND 200),
    email text CHECK (char_length(email) BETWEEN 1 AND 254),
    phone text CHECK (char_length(phone) BETWEEN 1 AND 32),
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- Who changed what, written in the change's own transaction. One row a transaction, with an element of each array for each
-- change: an on-sale night's bookings come in batches, and a row for each would be as dear as the booking's own.
CREATE TABLE audit_log (
    entry_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at timestamptz NOT NULL DEFAULT now(),
    -- What all of the row's changes are about, if it is an event.
    event_id uuid,
    actions text [] NOT NULL CHECK (cardinality(actions) > 0),
    actor_kinds text [] NOT NULL CHECK (cardinality(actor_kinds) = cardinality(actions)),
    actors uuid [] NOT NULL CHECK (cardinality(actors) = cardinality(actions)),
    subjects uuid [] NOT NULL CHECK (cardinality(subjects) = cardinality(actions)),
    request_ids text [] NOT NULL CHECK (cardinality(request_ids) = cardinality(actions)),
    detail jsonb
);
CREATE INDEX audit_log_by_event ON audit_log (event_id, entry_no);

CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
