-- Admits one attempt on a tier: takes `quantity` tickets, or says why not. Idempotent by rid.
--
-- ARGV  1 run_id   2 rid   3 customer   4 tier   5 quantity   6 state: h to hold, c to commit at once
--       7 ttl_ms: the hold's, or the commit's lease   8 lifetime_ms: what extensions may reach in all
-- Reply {OK, epoch, deadline_ms} | {SOLD_OUT, epoch, available} | {LIMIT, epoch, tickets the customer has}
--       {CLOSED, epoch} | {UNKNOWN_ITEM, epoch} | {NOT_OWNER, epoch} | {EXPIRED, epoch} | {NOT_LOADED}

local rid, customer, tier, quantity = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local meta = load_meta('state', 'on_sale_at_ms', 'ends_at_ms', 'customer_max', 't:' .. tier)
if not meta then
  return { NOT_LOADED }
end
local epoch, available = meta[2], meta[7]
if not available then
  return { UNKNOWN_ITEM, epoch }
end
local known = entry_of(rid)
if known then
  return replay(known, customer, epoch)
end
local now = now_ms()
if not is_open(meta[3], meta[4], meta[5], now) then
  return { CLOSED, epoch }
end
available = tonumber(available)
if available < quantity and reclaim(now) then
  publish()
  available = tonumber(redis.call('HGET', META, 't:' .. tier))
end
if available < quantity then
  return { SOLD_OUT, epoch, math.max(available, 0) }
end
local owned = tonumber(redis.call('HGET', CUSTOMERS, customer) or 0)
if owned + quantity > tonumber(meta[6]) and reclaim(now) then
  -- Holds of the customer's own that ran out do not count.
  publish()
  owned = tonumber(redis.call('HGET', CUSTOMERS, customer) or 0)
end
if owned + quantity > tonumber(meta[6]) then
  return { LIMIT, epoch, owned }
end

local entry = {
  state = ARGV[6],
  customer = customer,
  tier = tier,
  quantity = quantity,
  deadline = now + tonumber(ARGV[7]),
  cap = now + tonumber(ARGV[8]),
  seats = '',
}
say_tier(tier, redis.call('HINCRBY', META, 't:' .. tier, -quantity))
redis.call('HINCRBY', CUSTOMERS, customer, quantity)
keep(rid, entry)
publish()
return { OK, epoch, int(entry.deadline) }
