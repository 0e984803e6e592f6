-- Admits one attempt on a tier: takes `quantity` tickets, or says why not. Idempotent by rid.
--
-- ARGV  1 run_id   2 rid   3 customer   4 tier   5 quantity   6 claim, in one: nearly nobody's is looked at
-- A claim is h:ttl_ms:lifetime_ms:origin to hold, for how long, what extensions may reach in all, and by whose doing
-- (kind:actor:request); or c:lease_ms:0: to commit at once.
-- Reply {OK, epoch, deadline_ms} | {SOLD_OUT, epoch, available} | {LIMIT, epoch, tickets the customer has}
--       {CLOSED, epoch} | {UNKNOWN_ITEM, epoch} | {NOT_OWNER, epoch} | {EXPIRED, epoch} | {NOT_LOADED} | {LOG_FULL}

local rid, customer, tier, quantity = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local meta = load_meta('state', 'on_sale_at_ms', 'ends_at_ms', 'customer_max', 't:' .. tier)
if not meta then
  return { NOT_LOADED }
end
local epoch, available = meta[2], tonumber(meta[7])
if not available then
  return { UNKNOWN_ITEM, epoch }
end
local known, now = redis.call('HGET', LEDGER, rid), now_ms()
local opens = is_open(meta[3], meta[4], meta[5], now)
if available < quantity and opens and not known then
  -- On an on-sale night nearly everybody comes here. Unless something is due to come back, they have their answer
  -- before the functions of the ledger are so much as defined, which takes as long as all of this. (Numbers would be
  -- printed with 17 digits before Redis reads them, which is a twentieth of it.)
  local next_due = redis.call('ZRANGE', DUE, '0', '0', 'WITHSCORES')[2]
  if not next_due or tonumber(next_due) > now then
    return { SOLD_OUT, epoch, math.max(available, 0) }
  end
end

--@ ledger

if known then
  return replay(parse(known), customer, epoch)
end
if not opens then
  return { CLOSED, epoch }
end
local state, ttl_ms, lifetime_ms, origin = string.match(ARGV[6], '^([hc]):(%d+):(%d+):(.*)$')
local is_hold = state == 'h'
if is_hold and not can_log() then
  return { LOG_FULL }
end
-- What ran out and cannot be taken back now is neither sold out nor anybody's.
local function is_stuck()
  return redis.call('ZCOUNT', DUE, '-inf', int(now)) > 0 and not can_log()
end
if available < quantity and reclaim(now) then
  publish()
  available = tonumber(redis.call('HGET', META, 't:' .. tier))
end
if available < quantity then
  return is_stuck() and { LOG_FULL } or { SOLD_OUT, epoch, math.max(available, 0) }
end
local owned = tonumber(redis.call('HGET', CUSTOMERS, customer) or 0)
if owned + quantity > tonumber(meta[6]) and reclaim(now) then
  -- Holds of the customer's own that ran out do not count.
  publish()
  owned = tonumber(redis.call('HGET', CUSTOMERS, customer) or 0)
end
if owned + quantity > tonumber(meta[6]) then
  return is_stuck() and { LOG_FULL } or { LIMIT, epoch, owned }
end

local entry = {
  state = state,
  customer = customer,
  tier = tier,
  quantity = quantity,
  deadline = now + tonumber(ttl_ms),
  cap = is_hold and now + tonumber(lifetime_ms) or 0,
  seats = '',
}
say_tier(tier, redis.call('HINCRBY', META, 't:' .. tier, -quantity))
redis.call('HINCRBY', CUSTOMERS, customer, quantity)
keep(rid, entry)
if is_hold then
  log('held', rid, entry, origin, now)
end
publish()
return { OK, epoch, int(entry.deadline) }
