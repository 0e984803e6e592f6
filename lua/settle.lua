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

local now, settled, posted, voided = now_ms(), 0, {}, {}
for argument = 3, #ARGV, 2 do
  local rids = ARGV[argument + 1] == 'v' and voided or posted
  rids[#rids + 1] = ARGV[argument]
end

-- At the height of a sale hundreds are posted in a call, so they are read together and forgotten together.
if #posted > 0 then
  for at, text in ipairs(redis.call('HMGET', LEDGER, unpack(posted))) do
    for index in string.gmatch(text and seats_of(text) or '', '%d+') do
      -- A booking that was paid, or given back, before this verdict came keeps what the journal said of it.
      local seat = tonumber(index)
      if redis.call('HGET', SEATS, index) == posted[at] and redis.call('GETRANGE', MAP, seat, seat) == 'h' then
        redis.call('SETRANGE', MAP, index, 'r')
        say_seat(index, 'r')
      end
    end
  end
  settled = forget(unpack(posted))
end
for _, rid in ipairs(voided) do
  local entry = entry_of(rid)
  if entry and entry.state ~= 'x' then
    expire(rid, entry, now)
    settled = settled + 1
  end
end
publish()
return { OK, meta[2], settled }
