-- Follows the vault's journal: rows in order, each exactly once, whoever brings them and however often.
--
-- ARGV  1 run_id   2 epoch   3 after: the position the rows were read from   4 through: the position they lead to
--       5… rows of seven: seq, kind, rid, customer, tier, quantity or delta, seats (comma-joined) or sale state
-- Kinds released | confirmed | capacity | sale_state
-- Reply {OK, epoch, applied_seq} | {GAP, epoch, applied_seq} rows between are missing: read again from there
--       {STALE, epoch} | {NOT_LOADED}

local meta = load_meta('applied_seq')
if not meta then
  return { NOT_LOADED }
end
if meta[2] ~= ARGV[2] then
  return { STALE, meta[2] }
end
local applied = tonumber(meta[3])
if tonumber(ARGV[3]) > applied then
  return { GAP, meta[2], int(applied) }
end

for at = 5, #ARGV, 7 do
  local kind = ARGV[at + 1]
  if kind ~= 'released' and kind ~= 'confirmed' and kind ~= 'capacity' and kind ~= 'sale_state' then
    return redis.error_reply('apply_journal: unknown kind ' .. kind)
  end
end

for at = 5, #ARGV, 7 do
  local kind, rid, customer, tier, number, detail =
    ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], tonumber(ARGV[at + 5]), ARGV[at + 6]
  if tonumber(ARGV[at]) > applied then
    if kind == 'released' then
      if tier ~= '' then
        give_back_tier(tier, number)
      else
        give_back_seats(rid, detail)
      end
      count_customer(customer, -number)
    elseif kind == 'confirmed' then
      for index in string.gmatch(detail, '%d+') do
        if redis.call('HGET', SEATS, index) == rid then
          redis.call('SETRANGE', MAP, index, 's')
          say_seat(index, 's')
        end
      end
    elseif kind == 'capacity' then
      give_back_tier(tier, number)
    else
      redis.call('HSET', META, 'state', detail)
      deltas[#deltas + 1] = 'state=' .. detail
    end
  end
end
if tonumber(ARGV[4]) > applied then
  applied = tonumber(ARGV[4])
  redis.call('HSET', META, 'applied_seq', int(applied))
end
publish()
return { OK, meta[2], int(applied) }
