-- Know at least as much spent as the account does. Twice is as good as once.
-- ARGV[3]: the budget. ARGV[4]: first second of the period that is meant. ARGV[5]: 1e-9 US dollars.
if not known() then
  return { 'forgotten' }
end
local s = state(ARGV[3])
turn(s)
if s.at == tonumber(ARGV[4]) then
  s.used = math.max(s.used, tonumber(ARGV[5]))
end
save(ARGV[3])
return { 'seeded' }
