-- What a sale writes refers to what is there: checked once a statement, not once a row.
--
-- A foreign key looks up every row by itself, and the six that a booking's rows had were half of what it cost Postgres.
-- Winners come by the hundred, so their references are looked up together, as strictly: one that leads nowhere undoes
-- the transaction. A foreign key also locks what it finds, lest it be removed meanwhile; here nothing that is referred to
-- can be removed or get another key at all.

-- In the order in which a batch of the vault before touches them, so that neither waits for the other in a circle. A report
-- that reads any of them is not waited for while the sale is: the vault tries again.
SET LOCAL lock_timeout = '2s';
LOCK TABLE events, tiers, bookings, reservations, seats, booking_items, customers, journal IN ACCESS EXCLUSIVE MODE;

ALTER TABLE bookings DROP CONSTRAINT bookings_customer_id_fkey;
ALTER TABLE bookings DROP CONSTRAINT bookings_event_id_booking_id_outcome_fkey;
ALTER TABLE booking_items DROP CONSTRAINT booking_items_event_id_booking_id_fkey;
ALTER TABLE booking_items DROP CONSTRAINT booking_items_event_id_tier_id_fkey;
ALTER TABLE booking_items DROP CONSTRAINT booking_items_event_id_seat_index_fkey;
ALTER TABLE journal DROP CONSTRAINT journal_event_id_fkey;
-- These were there to refer, and to be referred to.
ALTER TABLE reservations DROP CONSTRAINT reservations_event_id_rid_outcome_key;
-- squawk-ignore ban-drop-column
ALTER TABLE bookings DROP COLUMN outcome;

-- Each reference is a look into an index, whatever the planner knew of the table before the sale: joins of these, planned
-- while the tables were empty, read all of them for every row.
CREATE FUNCTION check_new_bookings() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added WHERE (SELECT TRUE FROM customers WHERE customers.customer_id = added.customer_id) IS NULL
    ) THEN
        RAISE foreign_key_violation USING MESSAGE = 'a booking is of no known customer';
    END IF;
    -- A booking for a void attempt is impossible.
    IF EXISTS (
        SELECT FROM added WHERE (
            SELECT TRUE FROM reservations
            WHERE reservations.event_id = added.event_id AND reservations.rid = added.booking_id
                AND reservations.outcome = 'posted'
        ) IS NULL
    ) THEN
        RAISE foreign_key_violation USING MESSAGE = 'a booking is of no posted attempt';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER bookings_refer AFTER INSERT ON bookings REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION check_new_bookings();

CREATE FUNCTION check_new_booking_items() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added WHERE (
            SELECT TRUE FROM bookings
            WHERE bookings.event_id = added.event_id AND bookings.booking_id = added.booking_id
        ) IS NULL
    ) THEN
        RAISE foreign_key_violation USING MESSAGE = 'an item is of no booking';
    END IF;
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT event_id, tier_id FROM added WHERE tier_id IS NOT NULL) AS named WHERE (
            SELECT TRUE FROM tiers WHERE tiers.event_id = named.event_id AND tiers.tier_id = named.tier_id
        ) IS NULL
    ) THEN
        RAISE foreign_key_violation USING MESSAGE = 'an item is of no tier of its event';
    END IF;
    IF EXISTS (
        SELECT FROM added WHERE added.seat_index IS NOT NULL AND (
            SELECT TRUE FROM seats WHERE seats.event_id = added.event_id AND seats.seat_index = added.seat_index
        ) IS NULL
    ) THEN
        RAISE foreign_key_violation USING MESSAGE = 'an item is of no seat of its event';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER booking_items_refer AFTER INSERT ON booking_items REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION check_new_booking_items();

CREATE FUNCTION check_new_journal() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT event_id FROM added) AS named
        WHERE (SELECT TRUE FROM events WHERE events.event_id = named.event_id) IS NULL
    ) THEN
        RAISE foreign_key_violation USING MESSAGE = 'a journal row is of no event';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER journal_refers AFTER INSERT ON journal REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION check_new_journal();

-- What is referred to stays, under its key; what refers keeps its reference.
CREATE FUNCTION refuse_loss() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE restrict_violation USING MESSAGE = format('%s rows are never removed, and keep their keys', tg_table_name);
END
$$;
CREATE TRIGGER customers_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF customer_id ON customers
FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss();
CREATE TRIGGER events_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF event_id ON events
FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss();
CREATE TRIGGER tiers_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF event_id, tier_id ON tiers
FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss();
CREATE TRIGGER seats_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF event_id, seat_index ON seats
FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss();
CREATE TRIGGER bookings_stay
BEFORE DELETE OR TRUNCATE OR UPDATE OF event_id, booking_id, customer_id ON bookings
FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss();
CREATE TRIGGER booking_items_stay
BEFORE DELETE OR TRUNCATE OR UPDATE OF event_id, booking_id, tier_id, seat_index ON booking_items
FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss();
-- Both refuse UPDATE and DELETE already.
CREATE TRIGGER reservations_stay BEFORE TRUNCATE ON reservations
FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss();
CREATE TRIGGER journal_stays BEFORE TRUNCATE ON journal
FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss();
