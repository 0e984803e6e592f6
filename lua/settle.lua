-- Applies the vault's verdicts. Posted: the inventory stays taken, now without a deadline. Void: it goes back, guarded
-- by the ledger entry, which expires with it, so that it goes back once. Verdicts of another epoch touch nothing.
--
-- ARGV  1 run_id   2 epoch   3… pairs: rid, verdict p(osted) or v(oid)
-- Reply {OK, epoch, entries settled} | {STALE, epoch} | {NOT_LOADED}

local meta = load_meta()
if not meta then
  return { NOT_LOADED }
end
if meta[2] ~= ARGV[2] then
  return { STALE, meta[2] }
end

local settled, now = 0, now_ms()
for argument = 3, #ARGV, 2 do
  local rid, verdict = ARGV[argument], ARGV[argument + 1]
  local entry = entry_of(rid)
  if entry and entry.state ~= 'x' then
    if verdict == 'v' then
      expire(rid, entry, now)
    else
      for index in string.gmatch(entry.seats, '%d+') do
        -- A booking that was paid, or given back, before this verdict came keeps what the journal said of it.
        local at = tonumber(index)
        if redis.call('HGET', SEATS, index) == rid and redis.call('GETRANGE', MAP, at, at) == 'h' then
          redis.call('SETRANGE', MAP, index, 'r')
          say_seat(index, 'r')
        end
      end
      forget(rid)
    end
    settled = settled + 1
  end
end
publish()
return { OK, meta[2], settled }
