-- Turns a hold into a commit with a lease of its own, so that no deadline can run out under it. The owner's only.
-- Asked again while the commit is under way it answers the same: the vault tells replays by the rid.
--
-- ARGV  1 run_id   2 rid   3 customer   4 lease_ms
-- Reply {OK, epoch, deadline_ms, tier, quantity, seats} | {CLOSED, epoch} the sale is paused or over; the hold stays
--       {NOT_FOUND, epoch} | {NOT_OWNER, epoch} | {EXPIRED, epoch} | {NOT_LOADED}

local rid = ARGV[2]
local meta = load_meta('state', 'on_sale_at_ms', 'ends_at_ms')
if not meta then
  return { NOT_LOADED }
end
local now = now_ms()
local entry, refusal = entry_for(rid, ARGV[3], meta[2], now)
if not entry then
  return refusal
elseif entry.state == 'h' and not is_open(meta[3], meta[4], meta[5], now) then
  return { CLOSED, meta[2] }
end

entry.state = 'c'
entry.deadline = now + tonumber(ARGV[4])
keep(rid, entry)
return { OK, meta[2], int(entry.deadline), entry.tier, entry.quantity, entry.seats }
