-- What is available now. Changes nothing.
--
-- ARGV  1 run_id   2 1 to send the map along, else 0   3… tiers
-- Reply {OK, epoch, feed_seq, seats_available, map or '', sale state, available of each tier…} | {NOT_LOADED}

local tiers = {}
for argument = 3, #ARGV do
  tiers[#tiers + 1] = 't:' .. ARGV[argument]
end
local meta = load_meta('feed_seq', 'seats_available', 'state', unpack(tiers))
if not meta then
  return { NOT_LOADED }
end
local reply = { OK, meta[2], meta[3], meta[4], ARGV[2] == '1' and redis.call('GET', MAP) or '', meta[5] }
for position = 6, #tiers + 5 do
  reply[#reply + 1] = meta[position] or '0'
end
return reply
