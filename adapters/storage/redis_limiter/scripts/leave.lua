-- Forget a server that ended in order; what it still holds is given back.
local entries = redis.call('HGETALL', held_key(SERVER))
for i = 1, #entries, 2 do
  give_back(entries[i + 1], 0, 0)
end
redis.call('DEL', held_key(SERVER), ROOT .. ':gone:' .. SERVER)
redis.call('ZREM', SERVERS, SERVER)
return { 'left' }
