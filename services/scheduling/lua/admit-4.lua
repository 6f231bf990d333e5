--[[
Lets a batch of wishes for one slot in, or says why not. Advisory: the rows decide in the end, so this
may be wrong, empty or rewound and nothing is oversold. Called twice with one appointment it takes once.
What may still be promised is `available` (the rows' free spots, as of `version`) less `held` (the sum
of the holds that the rows have not decided yet).

KEYS[1] stock     hash: tenant store total party_max opens_at starts_at available version held
KEYS[2] holds     zset: appointment -> ms at which the hold ends
KEYS[3] wishes    hash: appointment -> <status><party>:<body>:<shopper>; status A admitted, C confirmed
KEYS[4] shoppers  hash: shopper -> appointment that holds or has spots

ARGV[1] hold length in ms   ARGV[2] the most holders to return where nothing is free, for a local
  sold-out flag; more than these, or 0: none
ARGV[3..] five per wish: appointment, shopper, party, body, tenant .. ":" .. store

Returns a list: free spots, then for each wish a code and a detail, then, if asked and nothing is free, the
shoppers who hold or have spots.
  1 admitted   2 already yours (status)   3 sold out   4 user limit (the other appointment)
  5 not open yet (opens at, ms)   6 not warmed   7 too late   8 no such slot   9 party too large (the most)
  10 the same request id with another body
]]
local stockKey, holdsKey, wishesKey, shoppersKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local holdMs, holdersMax = tonumber(ARGV[1]), tonumber(ARGV[2])
local REAP_MAX = 50

local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stock = redis.call("HMGET", stockKey, "tenant", "store", "party_max", "opens_at", "starts_at",
  "available", "held")

-- A slot that was never warmed, or was lost: every wish is told so, and the caller warms it.
if not stock[6] then
  local result = { 0 }
  for index = 3, #ARGV, 5 do
    result[#result + 1] = 6
    result[#result + 1] = ""
  end
  return result
end

local place = stock[1] .. ":" .. stock[2]
local partyMax, opensAt, startsAt = tonumber(stock[3]), tonumber(stock[4]), tonumber(stock[5])
local available, held = tonumber(stock[6]), tonumber(stock[7])
local heldBefore = held

-- Holds that ended are given back here, so that no clock of ours has to do it.
for _, appointment in ipairs(redis.call("ZRANGEBYSCORE", holdsKey, "-inf", now, "LIMIT", 0, REAP_MAX)) do
  local wish = redis.call("HGET", wishesKey, appointment)
  if wish then
    local party, shopper = string.match(wish, "^A(%d+):[^:]*:(.*)$")
    if party then
      held = held - tonumber(party)
      if redis.call("HGET", shoppersKey, shopper) == appointment then
        redis.call("HDEL", shoppersKey, shopper)
      end
      redis.call("HDEL", wishesKey, appointment)
    end
  end
  redis.call("ZREM", holdsKey, appointment)
end

local function judge(appointment, shopper, party, body, wishPlace)
  local mine = redis.call("HGET", wishesKey, appointment)
  if mine then
    local status, _, knownBody = string.match(mine, "^(%a)(%d+):([^:]*):")
    if knownBody ~= body then
      return 10, ""
    end
    return 2, status
  end
  if wishPlace ~= place then
    return 8, ""
  end
  if now < opensAt then
    return 5, stock[4]
  end
  if now >= startsAt then
    return 7, ""
  end
  if party > partyMax then
    return 9, tostring(partyMax)
  end
  local other = redis.call("HGET", shoppersKey, shopper)
  if other then
    return 4, other
  end
  if available - held < party then
    return 3, ""
  end
  held = held + party
  redis.call("ZADD", holdsKey, now + holdMs, appointment)
  redis.call("HSET", wishesKey, appointment, "A" .. party .. ":" .. body .. ":" .. shopper)
  redis.call("HSET", shoppersKey, shopper, appointment)
  return 1, ""
end

local result = { 0 }
for index = 3, #ARGV, 5 do
  local code, detail =
    judge(ARGV[index], ARGV[index + 1], tonumber(ARGV[index + 2]), ARGV[index + 3], ARGV[index + 4])
  result[#result + 1] = code
  result[#result + 1] = detail
end

if held ~= heldBefore then
  redis.call("HSET", stockKey, "held", held)
  local expiry = startsAt + 86400000
  redis.call("PEXPIREAT", holdsKey, expiry)
  redis.call("PEXPIREAT", wishesKey, expiry)
  redis.call("PEXPIREAT", shoppersKey, expiry)
end
result[1] = available - held
if holdersMax > 0 and available - held <= 0 and redis.call("HLEN", shoppersKey) <= holdersMax then
  for _, shopper in ipairs(redis.call("HKEYS", shoppersKey)) do
    result[#result + 1] = shopper
  end
end
return result
