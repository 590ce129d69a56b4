-- KEYS[1] counter of the window; ARGV: limit, lease, seconds that the window lives.
-- Answers how many calls were granted to the asker and how many are granted to all.
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
local granted = math.max(0, math.min(tonumber(ARGV[2]), tonumber(ARGV[1]) - used))
if granted > 0 then
  used = redis.call('INCRBY', KEYS[1], granted)
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return {granted, used}
