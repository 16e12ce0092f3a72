-- What all scripts share: the clock, the books, and the leases of the servers.
-- KEYS[1]: root of all keys, a hash tag, so that they are on one node of a cluster.
-- ARGV[1]: the server that asks. ARGV[2]: its lease, in microseconds.
-- Amounts are whole and exact below 2^53; a token is 60e6 of debt, of which `most` drain each microsecond.
local MINUTE = 60000000
local LONGEST_PROMISE_MINUTES = 60
local HOUR_S, DAY_S = 3600, 86400
local time = redis.call('TIME')
local NOW = time[1] * 1000000 + time[2]
local ROOT, SERVER, LEASE = KEYS[1], ARGV[1], tonumber(ARGV[2])
local SERVERS = ROOT .. ':servers'
local INFINITE = -1

local states = {}

local function state(name)
  local found = states[name]
  if not found then
    local text = redis.call('GET', ROOT .. ':limit:' .. name)
    local used, reserved, promised, at, mean = 0, 0, 0, 0, 0
    if text then
      used, reserved, promised, at, mean = string.match(text, '(%S+) (%S+) (%S+) (%S+) (%S+)')
    end
    found = {
      used = tonumber(used), reserved = tonumber(reserved), promised = tonumber(promised),
      at = tonumber(at), mean = tonumber(mean), kind = string.match(name, '^%a+'),
    }
    states[name] = found
  end
  return found
end

local function save(name)
  local s = states[name]
  local keep_s = 2 * HOUR_S
  if s.kind == 'month' then
    keep_s = 33 * DAY_S
  elseif s.kind == 'day' or s.reserved > 0 then
    keep_s = 2 * DAY_S
  end
  local text = string.format(
    '%.17g %.17g %.17g %.17g %.17g', s.used, s.reserved, s.promised, s.at, s.mean)
  redis.call('SET', ROOT .. ':limit:' .. name, text, 'EX', keep_s)
end

-- Rates: a bucket that holds a minute's worth. What is reserved does not drain, what was used does.

local function drained(s, most)
  local passed = NOW - s.at
  if passed > 0 then
    s.used = math.max(0, s.used - most * passed)
    s.promised = math.max(0, s.promised - most * passed)
    s.at = NOW
  elseif passed < -MINUTE then
    -- The clock was set back: nothing would drain until it is there again.
    s.at = NOW
  end
  return s.used
end

local function rate_until(debt, most)
  return math.max(0, math.ceil((debt - most * MINUTE) / most))
end

local rate = {}

function rate.wait(s, most, amount)
  if s.reserved + amount > most then
    return INFINITE
  end
  return rate_until(drained(s, most) + (s.reserved + amount) * MINUTE, most)
end

function rate.hopeless(s, most, amount)
  return amount > most
end

function rate.take(s, most, amount)
  s.reserved = s.reserved + amount
end

function rate.settle(s, most, reserved, used)
  s.used = drained(s, most) + used * MINUTE
  s.reserved = math.max(0, s.reserved - reserved)
end

function rate.promise(s, most, amount)
  local taken = drained(s, most) + s.reserved * MINUTE
  local behind = math.max(taken, s.promised) + amount * MINUTE
  s.promised = math.min(behind, LONGEST_PROMISE_MINUTES * most * MINUTE)
  return rate_until(s.promised, most)
end

-- Calls begun: they count from their start.

local starts = { wait = rate.wait, hopeless = rate.hopeless, promise = rate.promise }

function starts.take(s, most, amount)
  rate.take(s, most, amount)
  rate.settle(s, most, amount, amount)
end

function starts.settle() end

-- Places for calls in flight.

local slots = { hopeless = rate.hopeless }

function slots.wait(s, most, amount)
  return s.reserved + amount <= most and 0 or INFINITE
end

function slots.take(s, most, amount)
  s.reserved = s.reserved + amount
end

function slots.settle(s, most, reserved, used, held)
  s.reserved = math.max(0, s.reserved - reserved)
  if held > 0 then
    s.mean = s.mean > 0 and s.mean + (held - s.mean) * 0.125 or held
  end
end

function slots.promise(s, most, amount)
  local hold = s.mean > 0 and math.max(s.mean, 100000) or 1000000
  local gone = math.max(0, NOW - s.at) * most / hold
  s.at = NOW
  s.promised = math.max(0, s.promised - gone) + amount
  return math.min(math.ceil(s.promised * hold / most), MINUTE)
end

-- Money for a period, in UTC; `at` is the period's first second. `mean` is that of the period before the clock
-- last moved to another one, and `promised` what was spent in it: a clock that is set back finds it there.

local function day_start_s(now_s)
  return math.floor(now_s / DAY_S) * DAY_S
end

local function month_start_s(now_s)
  -- Source: https://howardhinnant.github.io/date_algorithms.html#civil_from_days
  local days = math.floor(now_s / DAY_S)
  local era_day = (days + 719468) % 146097
  local year = math.floor((era_day - math.floor(era_day / 1460) + math.floor(era_day / 36524)
    - math.floor(era_day / 146096)) / 365)
  local year_day = era_day - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local month = math.floor((5 * year_day + 2) / 153)
  return (days - (year_day - math.floor((153 * month + 2) / 5))) * DAY_S
end

local PERIODS = {
  day = { start_s = day_start_s, most_s = DAY_S },
  month = { start_s = month_start_s, most_s = 31 * DAY_S },
}

local function turn(s)
  local start_s = PERIODS[s.kind].start_s(NOW / 1000000)
  if s.at ~= start_s then
    local used = s.mean == start_s and s.promised or 0
    s.mean, s.promised = s.at, s.used
    s.at, s.used = start_s, used
  end
end

local function budget_fits(most, amount, gone)
  return gone + amount <= most and gone < most
end

local budget = {}

function budget.wait(s, most, amount)
  turn(s)
  return budget_fits(most, amount, s.used + s.reserved) and 0 or INFINITE
end

function budget.hopeless(s, most, amount)
  turn(s)
  return not budget_fits(most, amount, s.used)
end

function budget.take(s, most, amount)
  turn(s)
  s.reserved = s.reserved + amount
end

function budget.settle(s, most, reserved, used)
  turn(s)
  s.reserved = math.max(0, s.reserved - reserved)
  s.used = s.used + used
end

function budget.promise(s, most, amount)
  if most == 0 then
    return 0
  end
  if not budget.hopeless(s, most, amount) then
    return 1000000
  end
  local period = PERIODS[s.kind]
  return period.start_s(s.at + period.most_s) * 1000000 - NOW
end

local METERS = { tokens = rate, starts = starts, slots = slots, day = budget, month = budget }

-- Reservations: `ENTRY` is "TAKEN_US NAME MOST AMOUNT NAME MOST AMOUNT ...".

local function held_key(server)
  return ROOT .. ':held:' .. server
end

local function keep(server, id, entry)
  redis.call('HSET', held_key(server), id, entry)
  redis.call('EXPIRE', held_key(server), DAY_S)
end

local function each_claim(entry, visit)
  for name, most, amount in string.gmatch(entry, ' (%a+:%S+) (%S+) (%S+)') do
    visit(name, state(name), tonumber(most), tonumber(amount))
  end
end

local function hold_again(server, id, entry)
  each_claim(entry, function(name, s, most, amount)
    -- A call that has begun does not begin again.
    if s.kind ~= 'starts' then
      METERS[s.kind].take(s, most, amount)
      save(name)
    end
  end)
  keep(server, id, entry)
end

local function give_back(entry, tokens, nano_usd)
  local held = math.max(0, NOW - tonumber(string.match(entry, '^%S+')))
  each_claim(entry, function(name, s, most, amount)
    local used = s.kind == 'tokens' and tokens or nano_usd
    METERS[s.kind].settle(s, most, amount, used, held)
    save(name)
  end)
end

-- Leases: a server that does not answer for what it holds loses it, and has it back when it returns.

local function reap()
  for _, dead in ipairs(redis.call('ZRANGEBYSCORE', SERVERS, '-inf', NOW, 'LIMIT', 0, 10)) do
    local gone = ROOT .. ':gone:' .. dead
    local entries = redis.call('HGETALL', held_key(dead))
    for i = 1, #entries, 2 do
      give_back(entries[i + 1], 0, 0)
      redis.call('HSET', gone, entries[i], entries[i + 1])
    end
    redis.call('EXPIRE', gone, HOUR_S)
    redis.call('DEL', held_key(dead))
    redis.call('ZREM', SERVERS, dead)
  end
end

local function renew()
  redis.call('ZADD', SERVERS, NOW + LEASE, SERVER)
  redis.call('EXPIRE', SERVERS, DAY_S)
  redis.call('EXPIRE', held_key(SERVER), DAY_S)
  reap()
end

-- Return whether this server is known; its lease is renewed if so.
local function known()
  if not redis.call('ZSCORE', SERVERS, SERVER) then
    local gone = ROOT .. ':gone:' .. SERVER
    local entries = redis.call('HGETALL', gone)
    if #entries == 0 then
      return false
    end
    for i = 1, #entries, 2 do
      hold_again(SERVER, entries[i], entries[i + 1])
    end
    redis.call('DEL', gone)
  end
  renew()
  return true
end
