-- Say that this server is there, and what it holds if Redis knows nothing of it.
-- For each call: the reservation, its age in microseconds, and " NAME MOST AMOUNT" of each limit.
if not known() then
  renew()
end
local held = held_key(SERVER)
for i = 3, #ARGV, 3 do
  if redis.call('HEXISTS', held, ARGV[i]) == 0 then
    local taken = NOW - tonumber(ARGV[i + 1])
    hold_again(SERVER, ARGV[i], string.format('%.0f', taken) .. ARGV[i + 2])
  end
end
return { 'known' }
