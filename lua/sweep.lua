-- Attends to entries that are due: holds that ran out go back on sale, expired ones are forgotten at last, and commits
-- beyond their lease are handed to the caller, who asks the vault about them. A handed-out commit is not handed out
-- again for claim_ms, so that replicas do not all ask at once; should the caller die, another gets it then. Holds stay
-- while their end could not be entered into the audit log.
--
-- ARGV  1 run_id   2 most entries   3 claim_ms
-- Reply {OK, epoch, applied_seq, milliseconds until the next entry is due or -1, changes that the audit log does not
--       have yet, overdue rid…} | {NOT_LOADED}

-- Until holds that cannot end are looked at again.
local STUCK_MS = 200

local meta = load_meta('applied_seq')
if not meta then
  return { NOT_LOADED }
end
local now, can_expire, overdue = now_ms(), can_log(), {}
for _, rid in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', int(now), 'LIMIT', 0, tonumber(ARGV[2]))) do
  local entry = entry_of(rid)
  if not entry or entry.state == 'x' then
    forget(rid)
  elseif entry.state == 'h' then
    if can_expire then
      expire(rid, entry, now)
    end
  else
    overdue[#overdue + 1] = rid
    redis.call('ZADD', DUE, int(now + tonumber(ARGV[3])), rid)
  end
end
publish()
local next_due, wait = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')[2], '-1'
if next_due then
  wait = int(math.max(can_expire and 0 or STUCK_MS, tonumber(next_due) - now))
end
local reply = { OK, meta[2], meta[3], wait, redis.call('LLEN', CHANGES) }
for _, rid in ipairs(overdue) do
  reply[#reply + 1] = rid
end
return reply
