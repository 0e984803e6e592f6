-- Takes tokens out of a bucket that fills again by itself (GCRA): the most that is wanted, or what there is, or none if
-- that is less than the least. Less than none puts some back. It stands alone, without the prelude and its keys. Not
-- idempotent: a lost reply costs its tokens.
--
-- KEYS  1 the time in microseconds at which the bucket would be full again; absent once it is
-- ARGV  1 the most   2 the least that is any good   3 tokens a full bucket has
--       4 microseconds in which one token comes back
-- Reply {granted, tokens that are left, microseconds until there are as many as are any good}

local most, least = tonumber(ARGV[1]), tonumber(ARGV[2])
local burst, interval = tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
-- Not further off than an empty bucket is: a clock that was set back, or a smaller budget, keeps nobody out for longer.
local full_at = tonumber(redis.call('GET', KEYS[1]) or 0)
full_at = math.min(math.max(full_at, now), now + burst * interval)
-- Not less than none: full_at is a whole number of microseconds, and an interval need not be.
local left = math.max(math.floor(burst - (full_at - now) / interval), 0)
local granted = math.min(most, left)
if granted < least then
  return { 0, left, math.ceil(full_at + least * interval - burst * interval - now) }
end
full_at = math.max(full_at + granted * interval, now)
local kept_ms = math.max(math.ceil((full_at - now) / 1000), 1)
redis.call('SET', KEYS[1], string.format('%d', full_at), 'PX', kept_ms)
return { granted, left - granted, 0 }
