-- Forgets changes of holds that the audit log has: the oldest ones, up to the one that is named. Asked again, or by
-- another who entered the same, it takes no further change. It does not ask whose inventory is loaded: what was entered
-- once is entered.
--
-- ARGV  1 run_id   2 epoch   3 number of the last one   4 most changes to look at
-- Reply {OK, changes that still wait}

local epoch, number, known = tonumber(ARGV[2]), tonumber(ARGV[3]), 0
for _, text in ipairs(redis.call('LRANGE', CHANGES, 0, tonumber(ARGV[4]) - 1)) do
  local of_epoch, of_number = string.match(text, '^(%d+):(%d+):')
  of_epoch, of_number = tonumber(of_epoch), tonumber(of_number)
  -- What is no change at all is in nobody's log and in everybody's way.
  if of_number and (of_epoch > epoch or (of_epoch == epoch and of_number > number)) then
    break
  end
  known = known + 1
end
redis.call('LTRIM', CHANGES, known, -1)
return { OK, redis.call('LLEN', CHANGES) }
