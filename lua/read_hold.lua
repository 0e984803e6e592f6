-- Reads a hold; the owner's only. Changes nothing.
--
-- ARGV  1 run_id   2 rid   3 customer
-- Reply {OK, epoch, deadline_ms, tier, quantity, seats} | {IN_PROGRESS, epoch} its commit is under way
--       {NOT_FOUND, epoch} | {NOT_OWNER, epoch} | {EXPIRED, epoch} | {NOT_LOADED}

local meta = load_meta()
if not meta then
  return { NOT_LOADED }
end
local entry, refusal = entry_for(ARGV[2], ARGV[3], meta[2], now_ms())
if not entry then
  return refusal
elseif entry.state == 'c' then
  return { IN_PROGRESS, meta[2] }
end
return { OK, meta[2], int(entry.deadline), entry.tier, entry.quantity, entry.seats }
