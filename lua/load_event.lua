-- Installs the projection of a newer epoch and forgets everything of older ones: holds end with theirs.
--
-- ARGV  1 run_id   2 epoch   3 state   4 on_sale_at_ms   5 ends_at_ms   6 customer_max   7 applied_seq   8 feed_seq
--       9 map: a byte a seat   10 tiers: tier=available,…   11 seats: index=rid of its booking,…
--       12 customers: customer=tickets,…
-- Reply {OK, epoch} | {STALE, the epoch that is there}

local there = redis.call('HMGET', META, 'epoch', 'feed_seq')
if there[1] and tonumber(there[1]) >= tonumber(ARGV[2]) then
  return { STALE, there[1] }
end
local ledger = redis.call('HGETALL', LEDGER)
redis.call('UNLINK', META, LEDGER, DUE, CUSTOMERS, SEATS, MAP)

local map, now = ARGV[9], now_ms()
local _, available = string.gsub(map, 'a', 'a')
redis.call('HSET', META, 'run_id', ARGV[1], 'epoch', ARGV[2], 'state', ARGV[3], 'on_sale_at_ms', ARGV[4],
  'ends_at_ms', ARGV[5], 'customer_max', ARGV[6], 'applied_seq', ARGV[7], 'feed_seq', ARGV[8],
  'seats_total', #map, 'seats_available', available, 'loaded_at_ms', int(now))
if #map > 0 then
  redis.call('SET', MAP, map)
end

for tier, left in string.gmatch(ARGV[10], '([^=,]+)=([^,]+)') do
  redis.call('HSET', META, 't:' .. tier, left)
end
for index, rid in string.gmatch(ARGV[11], '([^=,]+)=([^,]+)') do
  redis.call('HSET', SEATS, index, rid)
end
for customer, tickets in string.gmatch(ARGV[12], '([^=,]+)=([^,]+)') do
  redis.call('HSET', CUSTOMERS, customer, tickets)
end
epoch_now = ARGV[2]
log_ends(ledger, now)
redis.call('SPUBLISH', FEED, ARGV[8] .. ' reload')
return { OK, ARGV[2] }
