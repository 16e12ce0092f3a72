-- Put what calls used in the place of what they reserved.
-- For each call: the reservation, 1 where nobody knows whether it was made, tokens and 1e-9 US dollars used.
-- Returns {'settled'} or {'forgotten'}.
if not known() then
  return { 'forgotten' }
end
local held = held_key(SERVER)
for i = 3, #ARGV, 4 do
  local id = ARGV[i]
  local entry = redis.call('HGET', held, id)
  if entry then
    give_back(entry, tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]))
    redis.call('HDEL', held, id)
  elseif ARGV[i + 1] == '1' then
    -- It may still be on its way.
    redis.call('SET', ROOT .. ':void:' .. SERVER .. ':' .. id, 1, 'EX', 60)
  end
end
return { 'settled' }
