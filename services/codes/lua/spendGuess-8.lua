--[[
Charges a guess to all its budgets before anyone looks at the row, or says which of them is out. All or
none: a guess that is not looked up is no guess, and if the refused ones were charged, a locked device could
use up its store's and its tenant's budget. A device or person that is out is locked.
A budget is a GCRA (see budgets.ts): the key holds its theoretical arrival in ms and lives until then,
for then it says nothing more. The clock is Redis's own: callers' clocks differ, and one that is ten
minutes fast would give a device its ten guesses back.
All keys carry the tenant as their hash tag, since a device, a store and a network are counted a tenant.

KEYS[1] misses    hash: a ring of buckets, <bucket % buckets> -> <bucket> <tries> <misses>
KEYS[2] mark      string: this guess, for as long as it can be given back -> its bucket
KEYS[3..7]        string: theoretical arrival of device, person, store, network, tenant
KEYS[8] locks     zset: device or person -> ms at which its lock ends

ARGV[1] lock length in ms  [2] how long the guess can be given back, in ms  [3] length of a bucket in ms
ARGV[4] how many buckets   [5] the device, [6] the person, as the locks call them
ARGV[7..16] two per budget: burst, ms until one guess comes back

Returns four numbers: a code, which budget (1 to 5), how many ms until it is free, and when that is.
  0 charged   1 the budget is out   2 the device (1) or person (2) is locked
]]
local missesKey, markKey, locksKey = KEYS[1], KEYS[2], KEYS[8]
local lockMs, markMs, bucketMs, buckets =
  tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local BUDGETS, LOCKABLE = 5, 2

local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local bucket = math.floor(now / bucketMs)

-- 1. Whatever becomes of it, it is a try, and a miss until it is known to be right.
local place = bucket % buckets
local known, tries, misses =
  string.match(redis.call("HGET", missesKey, place) or "", "^(%d+) (%d+) (%d+)$")
if tonumber(known) ~= bucket then
  tries, misses = 0, 0
end
redis.call("HSET", missesKey, place, bucket .. " " .. (tries + 1) .. " " .. (misses + 1))
redis.call("PEXPIRE", missesKey, bucketMs * buckets)

-- 2. A lock that holds is not made longer: who tries on is not kept out for good.
local lockedBy, lockedUntil = 0, now
for index = 1, LOCKABLE do
  local ends = tonumber(redis.call("ZSCORE", locksKey, ARGV[4 + index]) or 0)
  if ends > lockedUntil then
    lockedBy, lockedUntil = index, ends
  end
end
if lockedBy > 0 then
  return { 2, lockedBy, lockedUntil - now, lockedUntil }
end

-- 3. Where would each budget stand? Of those that are out, the one that is free last is told.
local arrivals, outOf, freeAt = {}, 0, now
for index = 1, BUDGETS do
  local burst, every = tonumber(ARGV[5 + index * 2]), tonumber(ARGV[6 + index * 2])
  local arrival = math.max(tonumber(redis.call("GET", KEYS[2 + index]) or 0), now) + every
  arrivals[index] = arrival
  local allowedAt = arrival - burst * every
  if allowedAt > now and index <= LOCKABLE then
    lockedBy = index
    redis.call("ZADD", locksKey, now + lockMs, ARGV[4 + index])
  end
  if allowedAt > freeAt then
    outOf, freeAt = index, allowedAt
  end
end
if lockedBy > 0 then
  redis.call("ZREMRANGEBYSCORE", locksKey, "-inf", now)
  local last = redis.call("ZREVRANGE", locksKey, 0, 0, "WITHSCORES")
  redis.call("PEXPIREAT", locksKey, last[2])
  return { 2, lockedBy, lockMs, now + lockMs }
end
if outOf > 0 then
  return { 1, outOf, freeAt - now, freeAt }
end

-- 4. There is room in all of them.
for index = 1, BUDGETS do
  redis.call("SET", KEYS[2 + index], arrivals[index], "PX", arrivals[index] - now)
end
redis.call("SET", markKey, bucket, "PX", markMs)
return { 0, 0, 0, now }
