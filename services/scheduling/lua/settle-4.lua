--[[
Tells admission what the rows decided for some wishes of one slot: each hold ends, and the free spots
become what the rows say, unless admission already knows something later.

KEYS as in admit-4.lua: stock, holds, wishes, shoppers
ARGV[1] available   ARGV[2] version (the rows' count of changes; larger is later)
ARGV[3..] five per wish: appointment, shopper, party, body, status: C confirmed, R over (refused,
  cancelled, expired)

Returns 1, or 0 if the slot is not warm: then the next warming reads the rows anyway.
]]
local stockKey, holdsKey, wishesKey, shoppersKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local stock = redis.call("HMGET", stockKey, "available", "version", "held")
if not stock[1] then
  return 0
end
local available, version = tonumber(ARGV[1]), tonumber(ARGV[2])
local held = tonumber(stock[3])

for index = 3, #ARGV, 5 do
  local appointment, shopper, party, body, status =
    ARGV[index], ARGV[index + 1], ARGV[index + 2], ARGV[index + 3], ARGV[index + 4]
  if redis.call("ZREM", holdsKey, appointment) == 1 then
    -- By the hold's own size: the claim may have another, if the appointment came with two.
    local wish = redis.call("HGET", wishesKey, appointment)
    held = held - tonumber(wish and string.match(wish, "^%a(%d+):") or party)
  end
  if status == "C" then
    redis.call("HSET", wishesKey, appointment, "C" .. party .. ":" .. body .. ":" .. shopper)
    redis.call("HSET", shoppersKey, shopper, appointment)
  else
    redis.call("HDEL", wishesKey, appointment)
    if redis.call("HGET", shoppersKey, shopper) == appointment then
      redis.call("HDEL", shoppersKey, shopper)
    end
  end
end

redis.call("HSET", stockKey, "held", held)
if version > tonumber(stock[2]) then
  redis.call("HSET", stockKey, "available", available, "version", version)
end
return 1
