-- The truth of Onsale: what is for sale, who has it, and the log of everything that changed it.
--
-- Every key starts with event_id, so that an event's rows can be partitioned or distributed together. The committer
-- decides under the event row's lock; the constraints here are the last line, should it ever decide wrongly.

CREATE TABLE customers (
    customer_id uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE events (
    event_id uuid PRIMARY KEY,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    venue text NOT NULL CHECK (char_length(venue) BETWEEN 1 AND 200),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    on_sale_at timestamptz NOT NULL,
    sale_state text NOT NULL DEFAULT 'open' CHECK (sale_state IN ('open', 'paused')),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    per_customer_max bigint NOT NULL CHECK (per_customer_max > 0),
    hold_ttl_seconds bigint NOT NULL CHECK (hold_ttl_seconds > 0),
    payment_ttl_seconds bigint NOT NULL CHECK (payment_ttl_seconds > 0),
    -- Sections in the order that gives seats their indexes; the seats themselves are rows of their own.
    sections jsonb NOT NULL,
    -- The generation of the event's inventory in Redis. Only ever grows.
    epoch bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    -- The number of the newest journal row.
    journal_seq bigint NOT NULL DEFAULT 0 CHECK (journal_seq >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (starts_at < ends_at),
    CHECK (on_sale_at < ends_at)
) WITH (fillfactor = 50);

CREATE TABLE tiers (
    event_id uuid NOT NULL REFERENCES events,
    tier_id uuid NOT NULL,
    ordinal bigint NOT NULL,
    name text NOT NULL,
    price_minor bigint NOT NULL CHECK (price_minor >= 0),
    capacity bigint NOT NULL CHECK (capacity > 0),
    -- Tickets in live bookings. I1: never above the capacity.
    sold bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (event_id, tier_id),
    UNIQUE (event_id, name),
    CHECK (sold >= 0 AND sold <= capacity)
) WITH (fillfactor = 50);

CREATE TABLE seats (
    event_id uuid NOT NULL REFERENCES events,
    seat_index bigint NOT NULL CHECK (seat_index >= 0),
    label text NOT NULL,
    price_minor bigint NOT NULL CHECK (price_minor >= 0),
    PRIMARY KEY (event_id, seat_index),
    UNIQUE (event_id, label)
);

-- The fate of every attempt that reached the vault. I7: posted xor void, forever. That a posted one's event exists is
-- ensured by its booking's items, which point at the event's tiers and seats.
CREATE TABLE reservations (
    event_id uuid NOT NULL,
    rid uuid NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('posted', 'void')),
    -- Why a void one was refused, so that a replay hears the same.
    refusal jsonb,
    decided_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, rid),
    UNIQUE (event_id, rid, outcome),
    CHECK ((outcome = 'void') = (refusal IS NOT NULL))
);

CREATE TABLE bookings (
    event_id uuid NOT NULL,
    -- The rid of the attempt that won it.
    booking_id uuid NOT NULL,
    customer_id uuid NOT NULL REFERENCES customers,
    status text NOT NULL CHECK (status IN ('reserved', 'confirmed', 'cancelled', 'expired')),
    quantity bigint NOT NULL CHECK (quantity BETWEEN 1 AND 10),
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    currency text NOT NULL,
    payment_due_at timestamptz NOT NULL,
    payment_reference text CHECK (char_length(payment_reference) <= 200),
    created_at timestamptz NOT NULL,
    -- Always 'posted': with it the foreign key below makes a booking for a void rid impossible.
    outcome text NOT NULL DEFAULT 'posted' CHECK (outcome = 'posted'),
    PRIMARY KEY (event_id, booking_id),
    FOREIGN KEY (event_id, booking_id, outcome) REFERENCES reservations (event_id, rid, outcome)
);
-- A customer's bookings, and their number per event for the limit.
CREATE INDEX bookings_by_customer ON bookings (customer_id, event_id, booking_id);
-- What the expiry looks for.
CREATE INDEX bookings_due ON bookings (payment_due_at) WHERE status = 'reserved';

CREATE TABLE booking_items (
    event_id uuid NOT NULL,
    booking_id uuid NOT NULL,
    item_no bigint NOT NULL,
    tier_id uuid,
    seat_index bigint,
    quantity bigint NOT NULL CHECK (quantity BETWEEN 1 AND 10),
    price_minor bigint NOT NULL CHECK (price_minor >= 0),
    -- When the booking was cancelled or expired and this went back.
    released_at timestamptz,
    PRIMARY KEY (event_id, booking_id, item_no),
    FOREIGN KEY (event_id, booking_id) REFERENCES bookings,
    FOREIGN KEY (event_id, tier_id) REFERENCES tiers,
    FOREIGN KEY (event_id, seat_index) REFERENCES seats,
    CHECK (num_nonnulls(tier_id, seat_index) = 1),
    CHECK (seat_index IS NULL OR quantity = 1)
);
-- I1: at most one live booking per seat.
CREATE UNIQUE INDEX booking_items_live_seat ON booking_items (event_id, seat_index)
WHERE released_at IS NULL AND seat_index IS NOT NULL;

CREATE TABLE journal (
    event_id uuid NOT NULL REFERENCES events,
    seq bigint NOT NULL CHECK (seq > 0),
    kind text NOT NULL CHECK (kind IN ('booked', 'released', 'confirmed', 'capacity', 'sale_state')),
    change jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, seq)
);

-- What has been decided and logged stays as it is, whoever connects.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows are never changed or removed', tg_table_name;
END
$$;
CREATE TRIGGER journal_is_append_only BEFORE UPDATE OR DELETE ON journal
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reservations_are_final BEFORE UPDATE OR DELETE ON reservations
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
