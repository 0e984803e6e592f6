-- What attempts have taken: entries, and how they give back. Part of every script; see lua/prelude.lua.

-- How long an expired hold is remembered.
local EXPIRED_KEPT_MS = 60000
-- Expired holds taken back on the way by a script that needs inventory; the sweep takes the rest.
local RECLAIM_MAX = 32
-- Changes that wait for the vault: while there are as many, no hold is made or changed, because each change has its
-- entry in the audit log. A call adds some hundreds at most; a load or a retirement, as many as there are holds.
local CHANGES_MAX = 250000
-- Nobody's doing.
local BY_SYSTEM = 'system::'

local function parse(text)
  local state, customer, tier, quantity, deadline, cap, seats =
    string.match(text, '^(%a):([^:]+):([^:]*):(%d+):(%d+):(%d+):(.*)$')
  return {
    state = state,
    customer = customer,
    tier = tier,
    quantity = tonumber(quantity),
    deadline = tonumber(deadline),
    cap = tonumber(cap),
    seats = seats,
  }
end

-- Its seats alone, which for a tier are known without parsing.
local function seats_of(text)
  return string.sub(text, -1) == ':' and '' or parse(text).seats
end

local function entry_of(rid)
  local text = redis.call('HGET', LEDGER, rid)
  return text and parse(text)
end

local function keep(rid, entry)
  local deadline = int(entry.deadline)
  redis.call('HSET', LEDGER, rid, table.concat({
    entry.state, entry.customer, entry.tier, entry.quantity, deadline, int(entry.cap), entry.seats,
  }, ':'))
  redis.call('ZADD', DUE, deadline, rid)
end

-- Forgets these rids; says how many there were.
local function forget(...)
  redis.call('ZREM', DUE, ...)
  return redis.call('HDEL', LEDGER, ...)
end

-- Deltas of this call, published together at its end.
local deltas = {}

local function say_tier(tier, available)
  deltas[#deltas + 1] = 't:' .. tier .. '=' .. available
end

local function say_seat(index, status)
  deltas[#deltas + 1] = 's:' .. index .. '=' .. status
end

-- Publishes `<sequence> <delta>,<delta>,…` if anything changed since the last time.
local function publish()
  if #deltas > 0 then
    local sequence = redis.call('HINCRBY', META, 'feed_seq', 1)
    redis.call('SPUBLISH', FEED, int(sequence) .. ' ' .. table.concat(deltas, ','))
    deltas = {}
  end
end

local function count_customer(customer, tickets)
  if redis.call('HINCRBY', CUSTOMERS, customer, tickets) <= 0 then
    redis.call('HDEL', CUSTOMERS, customer)
  end
end

-- Whether a hold may change now.
local function can_log()
  return redis.call('LLEN', CHANGES) < CHANGES_MAX
end

-- Enters a change of a hold, in the same step as the change: of all that `entry` takes, or of this one of its seats.
-- `origin` says who caused it, as the caller put it. Numbers come from the clock and only ever grow: a server that goes
-- on from an older copy gives none that was given before.
local function log(action, rid, entry, origin, now, seat)
  local last = tonumber(redis.call('HGET', META, 'last_change') or 0)
  local number = int(math.max(last + 1, now * 1000))
  redis.call('HSET', META, 'last_change', number)
  redis.call('RPUSH', CHANGES, table.concat({
    epoch_now, number, int(now), action, rid, origin, entry.tier, seat and 1 or entry.quantity, seat or entry.seats,
  }, ':'))
end

-- Enters the ends of all holds of a ledger, as HGETALL gives it, when it is forgotten as a whole. Those that are being
-- booked are among them: what the vault has not booked by then it never will, and the end of what it has it leaves out.
local function log_ends(ledger, now)
  for at = 1, #ledger, 2 do
    local entry = parse(ledger[at + 1])
    if entry.cap and entry.cap > 0 and entry.state ~= 'x' then
      log('expired', ledger[at], entry, BY_SYSTEM, now)
    end
  end
end

local function give_back_tier(tier, quantity)
  say_tier(tier, redis.call('HINCRBY', META, 't:' .. tier, quantity))
end

-- Frees those of the seats that the rid still has.
local function give_back_seats(rid, seats)
  local freed = 0
  for index in string.gmatch(seats, '%d+') do
    if redis.call('HGET', SEATS, index) == rid then
      redis.call('HDEL', SEATS, index)
      redis.call('SETRANGE', MAP, index, 'a')
      say_seat(index, 'a')
      freed = freed + 1
    end
  end
  if freed > 0 then
    redis.call('HINCRBY', META, 'seats_available', freed)
  end
end

-- Puts what an entry took back on sale. The caller forgets the entry or marks it expired in the same call.
local function give_back(rid, entry)
  if entry.tier ~= '' then
    give_back_tier(entry.tier, entry.quantity)
  else
    give_back_seats(rid, entry.seats)
  end
  count_customer(entry.customer, -entry.quantity)
end

local function expire(rid, entry, now)
  give_back(rid, entry)
  entry.state, entry.deadline = 'x', now + EXPIRED_KEPT_MS
  keep(rid, entry)
  if entry.cap > 0 then
    log('expired', rid, entry, BY_SYSTEM, now)
  end
end

-- Takes expired holds back, a bounded number, so that expiry does not depend on the sweep's rhythm.
-- Says whether there were any.
local function reclaim(now)
  if not can_log() then
    return false
  end
  local found = false
  for _, rid in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', int(now), 'LIMIT', 0, RECLAIM_MAX)) do
    local entry = entry_of(rid)
    if not entry or entry.state == 'x' then
      forget(rid)
    elseif entry.state == 'h' then
      expire(rid, entry, now)
      found = true
    end
  end
  return found
end

-- The entry behind a hold or its commit, for its owner and while it lasts; else nil and the reply that says why.
local function entry_for(rid, customer, epoch, now)
  local entry = entry_of(rid)
  if not entry then
    return nil, { NOT_FOUND, epoch }
  elseif entry.customer ~= customer then
    return nil, { NOT_OWNER, epoch }
  elseif entry.state == 'x' or (entry.state == 'h' and entry.deadline <= now) then
    return nil, { EXPIRED, epoch }
  end
  return entry
end

-- The reply to a rid that already has an entry: the same as the first time, or why it cannot go on.
local function replay(entry, customer, epoch)
  if entry.customer ~= customer then
    return { NOT_OWNER, epoch }
  elseif entry.state == 'x' then
    return { EXPIRED, epoch }
  end
  return { OK, epoch, int(entry.deadline) }
end
