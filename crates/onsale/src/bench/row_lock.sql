-- The per-request way to sell a ticket: lock the row, look, count down, insert, commit.
BEGIN;
SELECT stock FROM bench_event WHERE id = 1 FOR UPDATE;
UPDATE bench_event SET stock = stock - 1 WHERE id = 1;
INSERT INTO bench_booking (event_id, customer_id) VALUES (1, gen_random_uuid());
COMMIT;
