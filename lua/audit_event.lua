-- Counts an event's inventory entry by entry, for the audit; trusts no counter but the tiers' own. Changes nothing.
-- Reads the whole ledger: for administrators and, while it is short, in passing.
--
-- ARGV  1 run_id, 2 entries of the ledger that may be read
-- Reply {OK, epoch, seats free, seats held, seats committing, 1 if map and counter agree on the free ones else 0,
--       then per tier with stock:
--       tier, available, held, committing …} | {TOO_MANY} | {NOT_LOADED}

local meta = load_meta('seats_total', 'seats_available')
if not meta then
  return { NOT_LOADED }
end
if redis.call('HLEN', LEDGER) > tonumber(ARGV[2]) then
  return { TOO_MANY }
end
-- Tickets by state, then by tier; seats stand under the empty tier.
local tickets = { h = {}, c = {}, x = {} }
for _, text in ipairs(redis.call('HVALS', LEDGER)) do
  local entry = parse(text)
  local of_state = tickets[entry.state]
  of_state[entry.tier] = (of_state[entry.tier] or 0) + entry.quantity
end

local free = tonumber(meta[3]) - redis.call('HLEN', SEATS)
local _, free_on_map = string.gsub(redis.call('GET', MAP) or '', 'a', 'a')
local agrees = free_on_map == free and tonumber(meta[4]) == free
local reply = { OK, meta[2], free, tickets.h[''] or 0, tickets.c[''] or 0, agrees and 1 or 0 }
local fields = redis.call('HGETALL', META)
for position = 1, #fields, 2 do
  local tier = string.match(fields[position], '^t:(.+)$')
  if tier then
    reply[#reply + 1] = tier
    reply[#reply + 1] = tonumber(fields[position + 1])
    reply[#reply + 1] = tickets.h[tier] or 0
    reply[#reply + 1] = tickets.c[tier] or 0
  end
end
return reply
