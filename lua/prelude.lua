-- What every script stands on. It is put in front of each of them when they are loaded, and lua/ledger.lua after it,
-- unless the script names another place for that by a line `--@ ledger`: what is answered before costs less.
--
-- KEYS, the same for every script and all of one event, so that they share a Redis Cluster slot:
--   1 meta       HASH    epoch, run_id, loaded_at_ms, sale window and state, limit, applied_seq, feed_seq,
--                        last_change, seats_total, seats_available, and t:<tier id> -> tickets available
--   2 ledger     HASH    rid -> entry (below): every attempt that has inventory and no verdict yet
--   3 due        ZSET    rid -> the time in ms at which its entry needs attention
--   4 customers  HASH    customer id -> tickets held, committing and sold
--   5 seats      HASH    seat index -> rid that has it; the authority on who may have a seat
--   6 map        STRING  one byte a seat: a(vailable) h(eld) r(eserved) s(old); what people see
--   7 feed       the channel deltas are published on
--   8 changes    LIST    changes of holds that are not in the vault's audit log yet, oldest first, as
--                        epoch:number:ms:action:rid:kind:actor:request:tier:quantity:seats; outlives the epoch
--
-- ARGV[1] is always the run_id of the Redis process the caller is connected to. A meta key that is absent, or that was
-- loaded into another process, is NOT_LOADED: never read as empty, never as infinite.
--
-- An entry is state:customer:tier:quantity:deadline:cap:seats
--   state     h held, c committing, x expired (kept a while so that its owner can be told)
--   deadline  ms; when a hold ends, or a commit's lease
--   cap       ms; the latest deadline extensions can reach; 0 for a commit that never was a hold
--   seats     seat indexes joined by commas; empty for a tier, as tier is empty for seats
--
-- Ids and times never pass through arithmetic beyond 2^53, and nothing is written before everything is checked:
-- Redis does not roll a script back.

local META, LEDGER, DUE, CUSTOMERS, SEATS, MAP, FEED = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local CHANGES = KEYS[8]

-- Reply codes shared by all scripts; crates/gatekeeper/src/scripts/mod.rs names the same numbers.
local OK, NOT_LOADED, SOLD_OUT, SEAT_TAKEN, CLOSED, LIMIT, UNKNOWN_ITEM = 1, 0, 2, 3, 4, 5, 6
local NOT_FOUND, NOT_OWNER, EXPIRED, IN_PROGRESS, STALE, GAP, TOO_MANY, LOG_FULL = 7, 8, 9, 10, 11, 12, 13, 14

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A number as an integer string: Lua would print 1.7e+12.
local function int(number)
  return string.format('%d', number)
end

-- The epoch that `load_meta` found.
local epoch_now = ''

-- Meta fields in the order asked for, or nil when the inventory is not that of this process.
local function load_meta(...)
  local meta = redis.call('HMGET', META, 'run_id', 'epoch', ...)
  if meta[1] ~= ARGV[1] or not meta[2] then
    return nil
  end
  epoch_now = meta[2]
  return meta
end

-- Whether the sale is open now.
local function is_open(state, on_sale_at, ends_at, now)
  return state == 'open' and now >= tonumber(on_sale_at) and now < tonumber(ends_at)
end
