-- What every script stands on. It is put in front of each of them when they are loaded.
--
-- KEYS, the same for every script and all of one event, so that they share a Redis Cluster slot:
--   1 meta       HASH    epoch, run_id, loaded_at_ms, sale window and state, limit, applied_seq, feed_seq,
--                        seats_total, seats_available, and t:<tier id> -> tickets available
--   2 ledger     HASH    rid -> entry (below): every attempt that has inventory and no verdict yet
--   3 due        ZSET    rid -> the time in ms at which its entry needs attention
--   4 customers  HASH    customer id -> tickets held, committing and sold
--   5 seats      HASH    seat index -> rid that has it; the authority on who may have a seat
--   6 map        STRING  one byte a seat: a(vailable) h(eld) r(eserved) s(old); what people see
--   7 feed       the channel deltas are published on
--
-- ARGV[1] is always the run_id of the Redis process the caller is connected to. A meta key that is absent, or that was
-- loaded into another process, is NOT_LOADED: never read as empty, never as infinite.
--
-- An entry is state:customer:tier:quantity:deadline:cap:seats
--   state     h held, c committing, x expired (kept a while so that its owner can be told)
--   deadline  ms; when a hold ends, or a commit's lease
--   cap       ms; the latest deadline extensions can reach
--   seats     seat indexes joined by commas; empty for a tier, as tier is empty for seats
--
-- Ids and times never pass through arithmetic beyond 2^53, and nothing is written before everything is checked:
-- Redis does not roll a script back.

local META, LEDGER, DUE, CUSTOMERS, SEATS, MAP, FEED = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]

-- Reply codes shared by all scripts; crates/gatekeeper/src/scripts/mod.rs names the same numbers.
local OK, NOT_LOADED, SOLD_OUT, SEAT_TAKEN, CLOSED, LIMIT, UNKNOWN_ITEM = 1, 0, 2, 3, 4, 5, 6
local NOT_FOUND, NOT_OWNER, EXPIRED, IN_PROGRESS, STALE, GAP = 7, 8, 9, 10, 11, 12

-- How long an expired hold is remembered.
local EXPIRED_KEPT_MS = 60000
-- Expired holds taken back on the way by a script that needs inventory; the sweep takes the rest.
local RECLAIM_MAX = 32

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A number as an integer string: Lua would print 1.7e+12.
local function int(number)
  return string.format('%.0f', number)
end

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

local function entry_of(rid)
  local text = redis.call('HGET', LEDGER, rid)
  return text and parse(text)
end

local function keep(rid, entry)
  redis.call('HSET', LEDGER, rid, table.concat({
    entry.state, entry.customer, entry.tier, entry.quantity, int(entry.deadline), int(entry.cap), entry.seats,
  }, ':'))
  redis.call('ZADD', DUE, int(entry.deadline), rid)
end

local function forget(rid)
  redis.call('HDEL', LEDGER, rid)
  redis.call('ZREM', DUE, rid)
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
end

-- Takes expired holds back, a bounded number, so that expiry does not depend on the sweep's rhythm.
-- Says whether there were any.
local function reclaim(now)
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

-- Meta fields in the order asked for, or nil when the inventory is not that of this process.
local function load_meta(...)
  local meta = redis.call('HMGET', META, 'run_id', 'epoch', ...)
  if meta[1] ~= ARGV[1] or not meta[2] then
    return nil
  end
  return meta
end

-- Whether the sale is open now.
local function is_open(state, on_sale_at, ends_at, now)
  return state == 'open' and now >= tonumber(on_sale_at) and now < tonumber(ends_at)
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
