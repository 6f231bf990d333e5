--[[
Makes admission's picture of a slot from the rows, keeping the holds that the rows have not decided and
whose time is not over.
Used to warm, to heal what was lost or leaked, and to check. Does nothing if admission already knows
something later than what was read: then the caller reads again.

KEYS as in admit-4.lua: stock, holds, wishes, shoppers
ARGV[1] tenant  [2] store  [3] total  [4] party max  [5] opens at ms  [6] starts at ms
ARGV[7] available  [8] version
ARGV[9..] four per active claim: appointment, shopper, party, body

Returns {1, by how many spots the old picture was too generous, or -1000000000 if there was none}, or
  {0, 0} if stale.
]]
local stockKey, holdsKey, wishesKey, shoppersKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local COLD = -1000000000
local before = redis.call("HMGET", stockKey, "available", "version", "held")
local version = tonumber(ARGV[8])
if before[2] and tonumber(before[2]) > version then
  return { 0, 0 }
end

-- A hold whose time is over is nobody's, also where no wish has come since to make admission see it.
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call("ZREMRANGEBYSCORE", holdsKey, "-inf", now)

-- What the rows hold is no longer held here.
local claimed = {}
for index = 9, #ARGV, 4 do
  claimed[ARGV[index]] = index
  redis.call("ZREM", holdsKey, ARGV[index])
end

-- What is neither held nor claimed is over; what is held is counted anew.
local held = 0
local wishes = redis.call("HGETALL", wishesKey)
for index = 1, #wishes, 2 do
  local appointment, wish = wishes[index], wishes[index + 1]
  if not claimed[appointment] then
    local party, shopper = string.match(wish, "^%a(%d+):[^:]*:(.*)$")
    if redis.call("ZSCORE", holdsKey, appointment) then
      held = held + tonumber(party)
    else
      redis.call("HDEL", wishesKey, appointment)
      if redis.call("HGET", shoppersKey, shopper) == appointment then
        redis.call("HDEL", shoppersKey, shopper)
      end
    end
  end
end

for _, index in pairs(claimed) do
  local appointment, shopper, party, body =
    ARGV[index], ARGV[index + 1], ARGV[index + 2], ARGV[index + 3]
  redis.call("HSET", wishesKey, appointment, "C" .. party .. ":" .. body .. ":" .. shopper)
  redis.call("HSET", shoppersKey, shopper, appointment)
end

redis.call("HSET", stockKey, "tenant", ARGV[1], "store", ARGV[2], "total", ARGV[3],
  "party_max", ARGV[4], "opens_at", ARGV[5], "starts_at", ARGV[6],
  "available", ARGV[7], "version", version, "held", held)
local expiry = tonumber(ARGV[6]) + 86400000
for _, key in ipairs(KEYS) do
  redis.call("PEXPIREAT", key, expiry)
end
if not before[1] then
  return { 1, COLD }
end
return { 1, (tonumber(before[1]) - tonumber(before[3])) - (tonumber(ARGV[7]) - held) }
