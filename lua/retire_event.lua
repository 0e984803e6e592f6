-- Forgets an event that has been over for a while and has nothing under way. Should somebody ask for it all the same,
-- it is loaded again like any event that is missing, and stays for the same while.
--
-- ARGV  1 run_id   2 grace_ms: since its end, and since it was loaded
-- Reply {OK, epoch} forgotten | {IN_PROGRESS, epoch} it is not over long enough, or something is under way
--       {NOT_LOADED}

local meta = load_meta('ends_at_ms', 'loaded_at_ms')
if not meta then
  return { NOT_LOADED }
end
local since = math.max(tonumber(meta[3]), tonumber(meta[4]))
if now_ms() < since + tonumber(ARGV[2]) or redis.call('HLEN', LEDGER) > 0 then
  return { IN_PROGRESS, meta[2] }
end
redis.call('UNLINK', META, LEDGER, DUE, CUSTOMERS, SEATS, MAP)
return { OK, meta[2] }
