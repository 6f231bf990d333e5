--[[
Gives a guess back that turned out right: to its budgets, and to the count of misses. Only its own charge:
what was missed before stays missed. The guess's mark is taken, so asking again gives nothing, and neither
does asking for a guess that was never charged; so this may be called again when its answer was lost.

KEYS[1..7] as in spendGuess-8.lua: misses, mark, device, person, store, network, tenant
ARGV[1] how many buckets
ARGV[2..6] per budget: ms until one guess comes back

Returns 1, or 0 if there was nothing to give back.
]]
local missesKey, markKey = KEYS[1], KEYS[2]
local buckets = tonumber(ARGV[1])

local mark = redis.call("GET", markKey)
if not mark then
  return 0
end
redis.call("DEL", markKey)
local bucket = tonumber(mark)

local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for index = 1, 5 do
  local key, every = KEYS[2 + index], tonumber(ARGV[1 + index])
  local arrival = tonumber(redis.call("GET", key) or 0) - every
  if arrival > now then
    redis.call("SET", key, arrival, "PX", arrival - now)
  else
    redis.call("DEL", key)
  end
end

local place = bucket % buckets
local known, tries, misses =
  string.match(redis.call("HGET", missesKey, place) or "", "^(%d+) (%d+) (%d+)$")
if tonumber(known) == bucket then
  redis.call("HSET", missesKey, place, bucket .. " " .. tries .. " " .. (misses - 1))
end
return 1
