--[[
Notes what is wished under some appointment ids, unless something was noted there before. Two hashes
take turns: one is written for a while, then read only until it expires whole, since single fields do
not expire. One call notes many wishes, where a key each would cost a command each.

KEYS[1] the hash of now   KEYS[2] the hash of the time before: appointment -> wish
ARGV[1] how long the hash of now lives, in ms
ARGV[2..] two per wish: appointment, wish

Returns for each wish what was noted before, or an empty string.
]]
local current, past = KEYS[1], KEYS[2]
local hasPast = redis.call("EXISTS", past) == 1

local result = {}
for index = 2, #ARGV, 2 do
  local appointment = ARGV[index]
  local known = hasPast and redis.call("HGET", past, appointment)
  if not known and redis.call("HSETNX", current, appointment, ARGV[index + 1]) == 0 then
    known = redis.call("HGET", current, appointment)
  end
  result[#result + 1] = known or ""
end
redis.call("PEXPIRE", current, ARGV[1])
return result
