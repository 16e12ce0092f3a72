-- Take all that a call needs, or nothing.
-- ARGV[3]: the reservation. ARGV[4]: how long the call waits, in microseconds. Then for each limit: its name, its
-- size, the amount, how much those want who are ahead in the line, and 1 where there are any.
-- Returns {'taken'}, {'wait', NUMBER OF THE LIMIT, MICROSECONDS or -1}, {'forgotten'}, or
-- {'refused', NUMBER, 1 where hopeless, MICROSECONDS UNTIL THE NEXT TRY or 0, ...}.
if not known() then
  return { 'forgotten' }
end
local id, wait_us = ARGV[3], tonumber(ARGV[4])
if redis.call('EXISTS', ROOT .. ':void:' .. SERVER .. ':' .. id) == 1 then
  -- Given back before it was taken: who asked is gone.
  return { 'refused' }
end
local claims, short, worth = {}, nil, wait_us > 0
for i = 5, #ARGV, 5 do
  local name, most, amount = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local s = state(name)
  local meter = METERS[s.kind]
  local claim = { name = name, most = most, amount = amount, s = s, meter = meter }
  claim.wait = meter.wait(s, most, amount)
  claims[#claims + 1] = claim
  if not short and (ARGV[i + 4] == '1' or claim.wait ~= 0) then
    short = #claims
  end
  local behind = meter.wait(s, most, amount + tonumber(ARGV[i + 3]))
  if behind > wait_us or meter.hopeless(s, most, amount) then
    worth = false
  end
end
if not short then
  local entry = { string.format('%.0f', NOW) }
  for _, claim in ipairs(claims) do
    claim.meter.take(claim.s, claim.most, claim.amount)
    save(claim.name)
    entry[#entry + 1] = string.format('%s %.0f %.0f', claim.name, claim.most, claim.amount)
  end
  keep(SERVER, id, table.concat(entry, ' '))
  return { 'taken' }
end
if worth then
  return { 'wait', short - 1, claims[short].wait }
end
local refused = { 'refused' }
for i, claim in ipairs(claims) do
  if i == short or claim.wait ~= 0 then
    local hopeless = claim.meter.hopeless(claim.s, claim.most, claim.amount)
    refused[#refused + 1] = i - 1
    refused[#refused + 1] = hopeless and 1 or 0
    refused[#refused + 1] = claim.meter.promise(claim.s, claim.most, claim.amount)
    save(claim.name)
  end
end
return refused
