-- Forgets an event that has been over for a while and has nothing under way; also what another process left of it.
-- Should somebody ask for it all the same, it is loaded again like any event that is missing, and stays as long.
-- Asked again it answers the same: what is gone is gone.
--
-- ARGV  1 run_id   2 grace_ms: since its end, and since it was loaded
-- Reply {OK} nothing is there any more | {IN_PROGRESS} it is not over long enough, or something is under way, which
--       changes are that the audit log does not have yet: the ends of the holds that another process left, for one

if redis.call('LLEN', CHANGES) > 0 then
  return { IN_PROGRESS }
end
local meta, now = redis.call('HMGET', META, 'run_id', 'ends_at_ms', 'loaded_at_ms', 'epoch'), now_ms()
if meta[2] then
  local is_ours = meta[1] == ARGV[1]
  local since = math.max(tonumber(meta[2]), is_ours and tonumber(meta[3]) or 0)
  if now < since + tonumber(ARGV[2]) or (is_ours and redis.call('HLEN', LEDGER) > 0) then
    return { IN_PROGRESS }
  end
end
if meta[4] then
  epoch_now = meta[4]
  log_ends(holds_that_end(), now)
end
redis.call('UNLINK', META, LEDGER, DUE, CUSTOMERS, SEATS, MAP)
return redis.call('LLEN', CHANGES) > 0 and { IN_PROGRESS } or { OK }
