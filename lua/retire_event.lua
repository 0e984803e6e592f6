-- Forgets an event that has been over for a while and has nothing under way; also what another process left of it.
-- Should somebody ask for it all the same, it is loaded again like any event that is missing, and stays as long.
-- Asked again it forgets no more: what is gone is gone.
--
-- ARGV  1 run_id   2 grace_ms: since its end, and since it was loaded
-- Reply {OK} nothing is there any more | {IN_PROGRESS} something is: it is not over long enough, an attempt is under
--       way, or changes wait for the audit log, such as the ends of holds that were forgotten just now

-- Since the end of an event: by then the vault has decided on all that was being booked.
local DECIDED_MS = 30000

if redis.call('LLEN', CHANGES) > 0 then
  return { IN_PROGRESS }
end
local meta, now = redis.call('HMGET', META, 'run_id', 'ends_at_ms', 'loaded_at_ms', 'epoch'), now_ms()
if meta[2] then
  local is_ours, has_attempts = meta[1] == ARGV[1], redis.call('HLEN', LEDGER) > 0
  local since = math.max(tonumber(meta[2]), is_ours and tonumber(meta[3]) or 0)
  local grace = math.max(tonumber(ARGV[2]), has_attempts and DECIDED_MS or 0)
  if now < since + grace or (is_ours and has_attempts) then
    return { IN_PROGRESS }
  end
end
local ledger = redis.call('HGETALL', LEDGER)
redis.call('UNLINK', LEDGER, DUE, CUSTOMERS, SEATS, MAP)
if meta[4] then
  epoch_now = meta[4]
  log_ends(ledger, now)
end
redis.call('UNLINK', META)
return redis.call('LLEN', CHANGES) > 0 and { IN_PROGRESS } or { OK }
