-- What was answered to requests that carried an Idempotency-Key, and under which attempt they are carried out. By customer,
-- not by event like everything else: a key is looked up before it is known which event the request is about, if any.
CREATE TABLE idempotency_keys (
    customer_id uuid NOT NULL,
    -- SHA-256 of method, path and key.
    digest text NOT NULL CHECK (char_length(digest) = 64),
    -- SHA-256 of the request's body.
    body_digest text NOT NULL CHECK (char_length(body_digest) = 64),
    rid uuid NOT NULL,
    -- Whether the attempt of this rid was begun.
    is_begun boolean NOT NULL DEFAULT TRUE,
    -- How often the key was claimed. Only the last one may say how it ended.
    turn bigint NOT NULL DEFAULT 1 CHECK (turn > 0),
    -- Until then the request counts as being carried out, unless it has an answer.
    claimed_until timestamptz NOT NULL,
    status bigint CHECK (status BETWEEN 200 AND 499),
    body text,
    location text,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, digest),
    CHECK ((status IS NULL) = (body IS NULL))
);
-- What the cleaning looks for.
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (changed_at);
