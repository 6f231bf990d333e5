--[[
Ends a lock before its time, and gives its holder a whole budget: with the spent one, the next guess would
lock it again. Whoever is not locked gets nothing.

KEYS[1] locks    zset: device or person -> ms at which its lock ends
KEYS[2]          string: theoretical arrival of the device or person
ARGV[1] the device or person, as the locks call it

Returns 1, or 0 if it was not locked.
]]
local ends = tonumber(redis.call("ZSCORE", KEYS[1], ARGV[1]) or 0)
local time = redis.call("TIME")
if ends <= time[1] * 1000 + math.floor(time[2] / 1000) then
  return 0
end
redis.call("ZREM", KEYS[1], ARGV[1])
redis.call("DEL", KEYS[2])
return 1
