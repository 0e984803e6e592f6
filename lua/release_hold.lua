-- Gives a hold back before its time, whole or one seat of it. The owner's only.
--
-- ARGV  1 run_id   2 rid, or '' for whatever hold has the seat   3 customer   4 seat index, or '' for the whole hold
--       5 origin: kind:actor:request
-- Reply {OK, epoch} | {NOT_FOUND, epoch} | {NOT_OWNER, epoch} | {EXPIRED, epoch}
--       {IN_PROGRESS, epoch} its commit is under way | {NOT_LOADED} | {LOG_FULL}

local rid, customer, seat = ARGV[2], ARGV[3], ARGV[4]
local meta = load_meta()
if not meta then
  return { NOT_LOADED }
end
if rid == '' then
  rid = redis.call('HGET', SEATS, seat)
  if not rid then
    return { NOT_FOUND, meta[2] }
  elseif not entry_of(rid) then
    -- The seat is booked; by whom is nobody's business here.
    return { NOT_OWNER, meta[2] }
  end
end
local now = now_ms()
local entry, refusal = entry_for(rid, customer, meta[2], now)
if not entry then
  return refusal
elseif entry.state == 'c' then
  return { IN_PROGRESS, meta[2] }
elseif not can_log() then
  return { LOG_FULL }
end

local rest = {}
for index in string.gmatch(entry.seats, '%d+') do
  if seat ~= '' and index ~= seat then
    rest[#rest + 1] = index
  end
end
if #rest == 0 then
  give_back(rid, entry)
  forget(rid)
  log('released', rid, entry, ARGV[5], now)
else
  give_back_seats(rid, seat)
  count_customer(customer, -1)
  entry.seats, entry.quantity = table.concat(rest, ','), #rest
  keep(rid, entry)
  log('released', rid, entry, ARGV[5], now, seat)
end
publish()
return { OK, meta[2] }
