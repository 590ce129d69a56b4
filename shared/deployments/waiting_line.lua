-- The line of waiting deployments. KEYS: 1 accounts (account -> turn), 2 turns (counter),
-- 3 prefix of the per-account lines (deployment -> since). ARGV[1] names the operation.
local accounts, turns, prefix = KEYS[1], KEYS[2], KEYS[3]
local operation, account, deployment = ARGV[1], ARGV[2], ARGV[3]

local function to_the_end()
  redis.call('ZADD', accounts, redis.call('INCR', turns), account)
end

if operation == 'enter' then
  redis.call('ZADD', prefix .. account, 'NX', ARGV[4], deployment)
  if not redis.call('ZSCORE', accounts, account) then to_the_end() end
elseif operation == 'leave' or operation == 'served' then
  redis.call('ZREM', prefix .. account, deployment)
  if redis.call('ZCARD', prefix .. account) == 0 then
    redis.call('ZREM', accounts, account)
  elseif operation == 'served' then
    to_the_end()
  end
elseif operation == 'order' then
  local line = {}
  for _, name in ipairs(redis.call('ZRANGE', accounts, 0, tonumber(ARGV[2]) - 1)) do
    line[#line + 1] = {name, redis.call('ZRANGE', prefix .. name, 0, tonumber(ARGV[3]) - 1)}
  end
  return line
end
return 0
