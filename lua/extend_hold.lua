-- Gives a hold its full time again, up to the lifetime it was made with. The owner's only.
--
-- ARGV  1 run_id   2 rid   3 customer   4 ttl_ms   5 origin: kind:actor:request
-- Reply {OK, epoch, deadline_ms, tier, quantity, seats} | {NOT_FOUND, epoch} | {NOT_OWNER, epoch} | {EXPIRED, epoch}
--       {IN_PROGRESS, epoch} its commit is under way | {NOT_LOADED} | {LOG_FULL}

local rid = ARGV[2]
local meta = load_meta()
if not meta then
  return { NOT_LOADED }
end
local now = now_ms()
local entry, refusal = entry_for(rid, ARGV[3], meta[2], now)
if not entry then
  return refusal
elseif entry.state == 'c' then
  return { IN_PROGRESS, meta[2] }
elseif not can_log() then
  return { LOG_FULL }
end

entry.deadline = math.max(entry.deadline, math.min(now + tonumber(ARGV[4]), entry.cap))
keep(rid, entry)
log('extended', rid, entry, ARGV[5], now)
return { OK, meta[2], int(entry.deadline), entry.tier, entry.quantity, entry.seats }
