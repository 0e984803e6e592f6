-- Attends to entries that are due: holds that ran out go back on sale, expired ones are forgotten at last, and commits
-- beyond their lease are handed to the caller, who asks the vault about them. A handed-out commit is not handed out
-- again for claim_ms, so that replicas do not all ask at once; should the caller die, another gets it then.
--
-- ARGV  1 run_id   2 most entries   3 claim_ms
-- Reply {OK, epoch, applied_seq, milliseconds until the next entry is due or -1, overdue rid…} | {NOT_LOADED}

local meta = load_meta('applied_seq')
if not meta then
  return { NOT_LOADED }
end
local now, overdue = now_ms(), {}
for _, rid in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', int(now), 'LIMIT', 0, tonumber(ARGV[2]))) do
  local entry = entry_of(rid)
  if not entry or entry.state == 'x' then
    forget(rid)
  elseif entry.state == 'h' then
    expire(rid, entry, now)
  else
    overdue[#overdue + 1] = rid
    redis.call('ZADD', DUE, int(now + tonumber(ARGV[3])), rid)
  end
end
publish()
local next_due = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')[2]
local wait = next_due and int(math.max(0, tonumber(next_due) - now)) or '-1'
local reply = { OK, meta[2], meta[3], wait }
for _, rid in ipairs(overdue) do
  reply[#reply + 1] = rid
end
return reply
