-- Holds 1..N seats, all or none. A seat whose hold has run out is free, swept or not. Idempotent by rid.
--
-- ARGV  1 run_id   2 rid   3 customer   4 ttl_ms   5 lifetime_ms: what extensions may reach in all
--       6 origin of the hold: kind:actor:request   7… seat indexes, all different
-- Reply {OK, epoch, deadline_ms} | {SEAT_TAKEN, epoch, index…} every seat in the way
--       {LIMIT, epoch, tickets the customer has} | {CLOSED, epoch} | {UNKNOWN_ITEM, epoch}
--       {NOT_OWNER, epoch} | {EXPIRED, epoch} | {NOT_LOADED} | {LOG_FULL}

local rid, customer = ARGV[2], ARGV[3]
local meta = load_meta('state', 'on_sale_at_ms', 'ends_at_ms', 'customer_max', 'seats_total')
if not meta then
  return { NOT_LOADED }
end
local epoch = meta[2]
local known = entry_of(rid)
if known then
  return replay(known, customer, epoch)
end
local now = now_ms()
if not is_open(meta[3], meta[4], meta[5], now) then
  return { CLOSED, epoch }
elseif not can_log() then
  return { LOG_FULL }
end

local limit, wanted = tonumber(meta[6]), #ARGV - 6
local owned = tonumber(redis.call('HGET', CUSTOMERS, customer) or 0)
if owned + wanted > limit and reclaim(now) then
  -- Holds of the customer's own that ran out do not count.
  publish()
  owned = tonumber(redis.call('HGET', CUSTOMERS, customer) or 0)
end
local seats, run_out, taken = {}, {}, { SEAT_TAKEN, epoch }
for argument = 7, #ARGV do
  local index = ARGV[argument]
  if tonumber(index) >= tonumber(meta[7]) then
    return { UNKNOWN_ITEM, epoch }
  end
  seats[#seats + 1] = index
  local holder = redis.call('HGET', SEATS, index)
  if holder then
    local entry = entry_of(holder)
    if entry and entry.state == 'h' and entry.deadline <= now then
      run_out[holder] = entry
    else
      taken[#taken + 1] = tonumber(index)
    end
  end
end
if #taken > 2 then
  return taken
end
for _, entry in pairs(run_out) do
  if entry.customer == customer then
    owned = owned - entry.quantity
  end
end
if owned + wanted > limit then
  return { LIMIT, epoch, owned }
end

for holder, entry in pairs(run_out) do
  expire(holder, entry, now)
end
local entry = {
  state = 'h',
  customer = customer,
  tier = '',
  quantity = #seats,
  deadline = now + tonumber(ARGV[4]),
  cap = now + tonumber(ARGV[5]),
  seats = table.concat(seats, ','),
}
for _, index in ipairs(seats) do
  redis.call('HSET', SEATS, index, rid)
  redis.call('SETRANGE', MAP, index, 'h')
  say_seat(index, 'h')
end
redis.call('HINCRBY', META, 'seats_available', -#seats)
redis.call('HINCRBY', CUSTOMERS, customer, #seats)
keep(rid, entry)
log('held', rid, entry, ARGV[6], now)
publish()
return { OK, epoch, int(entry.deadline) }
