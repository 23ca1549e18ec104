-- Who runs next, over all processes. Each has a field in the hash: how many run there by model server and by person, which turns wait, and
-- until when that holds. This script replaces the field of one process, and grants slots to that process alone. A slot that is the turn of
-- another one is left for it; it looks when something has changed.
--
-- KEYS  1 the hash, 2 the counter that numbers turns, 3 whom the round has served last (person -> number), 4 whether something was lost
-- ARGV  1 the process, 2 its turns, 3 the rules
-- A waiting turn is [id, person, candidates, number]; number 0 means that it has none yet.

local queue, counter, round = KEYS[1], KEYS[2], KEYS[3]
local me, own, rules = ARGV[1], cjson.decode(ARGV[2]), cjson.decode(ARGV[3])
local time = redis.call("time")
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function add(sums, counts)
	for name, count in pairs(counts) do sums[name] = (sums[name] or 0) + count end
end

-- What all have together. A field that ends later than any process can say is from a clock that was set back since.
local busy, people, turns, highest = {}, {}, {}, 0
local elsewhere = { busy = {}, waiting = 0, wantedBy = {} }
local function take(owner, state)
	add(busy, state.busy)
	add(people, state.people)
	for _, turn in ipairs(state.waiting) do
		turns[#turns + 1] = { owner = owner, id = turn[1], person = turn[2], candidates = turn[3], number = turn[4] }
		highest = math.max(highest, turn[4])
	end
end
local fields = redis.call("hgetall", queue)
local is_there = false
for index = 1, #fields, 2 do
	local owner = fields[index]
	if owner == me then
		is_there = cjson.decode(fields[index + 1]).ends > now
	else
		local state = cjson.decode(fields[index + 1])
		if state.ends > now and state.ends <= now + 2 * rules.lifeMs then
			take(owner, state)
			add(elsewhere.busy, state.busy)
			elsewhere.waiting = elsewhere.waiting + #state.waiting
			for _, turn in ipairs(state.waiting) do
				for _, name in ipairs(turn[3]) do
					local who = elsewhere.wantedBy[name] or {}
					if #who == 0 or (#who == 1 and who[1] ~= turn[2]) then who[#who + 1] = turn[2] end
					elsewhere.wantedBy[name] = who
				end
			end
		else
			redis.call("hdel", queue, owner)
		end
	end
end

-- What this process said is gone (Redis was emptied), or is too old (it was away): so may be what others said. Nothing is decided here
-- until they had the time to say it again.
if rules.wasThere and not is_there then redis.call("set", KEYS[4], 1, "PX", rules.waitMs) end
local is_certain = redis.call("exists", KEYS[4]) == 0

-- The counter may have been lost with everything else, while turns still wait that were numbered before.
local served = {}
local last = redis.call("hgetall", round)
for index = 1, #last, 2 do
	served[last[index]] = tonumber(last[index + 1])
	highest = math.max(highest, served[last[index]])
end
for _, turn in ipairs(own.waiting) do highest = math.max(highest, turn[4]) end
local function next_number()
	local number = redis.call("incr", counter)
	if number <= highest then
		number = highest + 1
		redis.call("set", counter, number)
	end
	highest = number
	return number
end
for _, turn in ipairs(own.waiting) do
	if turn[4] == 0 then turn[4] = next_number() end
end
take(me, own)

-- The round: people in the order in which they asked or were served last, whichever is later.
local function ranks()
	local by_person, order = {}, {}
	table.sort(turns, function(a, b) return a.number < b.number end)
	for _, turn in ipairs(turns) do
		local person = by_person[turn.person]
		if not person then
			person = { name = turn.person, turns = {}, rank = math.max(turn.number, served[turn.person] or 0) }
			by_person[turn.person] = person
			order[#order + 1] = person
		end
		person.turns[#person.turns + 1] = turn
	end
	table.sort(order, function(a, b) return a.rank < b.rank end)
	return order
end

local function runnable()
	for _, person in ipairs(ranks()) do
		if (people[person.name] or 0) < rules.perUser then
			for _, turn in ipairs(person.turns) do
				for _, name in ipairs(turn.candidates) do
					if (busy[name] or 0) < (rules.slots[name] or 0) then return turn, name end
				end
			end
		end
	end
end

local granted, taken = {}, {}
local turn, name
if is_certain then turn, name = runnable() end
while turn do
	add(busy, { [name] = 1 })
	add(people, { [turn.person] = 1 })
	for index, other in ipairs(turns) do
		if other == turn then table.remove(turns, index) break end
	end
	if turn.owner == me then
		granted[#granted + 1] = { turn.id, name }
		taken[turn.id] = true
		add(own.busy, { [name] = 1 })
		add(own.people, { [turn.person] = 1 })
		served[turn.person] = next_number()
		redis.call("hset", round, turn.person, served[turn.person])
	else
		-- Its process takes it and notes that it was served. Until then it is behind all others here.
		highest = highest + 1
		served[turn.person] = highest
	end
	turn, name = runnable()
end

-- Places of those who go on waiting: the first of each person, then the second of each, and so on.
local order, waiting, position = ranks(), {}, 0
local rounds = 0
for _, person in ipairs(order) do rounds = math.max(rounds, #person.turns) end
for index = 1, rounds do
	for _, person in ipairs(order) do
		local waits = person.turns[index]
		if waits then
			position = position + 1
			if waits.owner == me then waiting[#waiting + 1] = { waits.id, waits.number, position } end
		end
	end
end

-- Who has no turn left is in no round.
local in_round = {}
for _, person in ipairs(order) do in_round[person.name] = true end
for person in pairs(served) do
	if not in_round[person] then redis.call("hdel", round, person) end
end

local rest = {}
for _, own_turn in ipairs(own.waiting) do
	if not taken[own_turn[1]] then rest[#rest + 1] = own_turn end
end
own.waiting = rest
own.ends = now + rules.lifeMs
if next(own.busy) == nil and #rest == 0 then
	redis.call("hdel", queue, me)
else
	redis.call("hset", queue, me, cjson.encode(own))
end
for index = 1, 3 do redis.call("pexpire", KEYS[index], 60000) end
if elsewhere.waiting > 0 and (rules.hasChanged or #granted > 0) then redis.call("publish", rules.channel, me) end

return cjson.encode({ certain = is_certain, granted = granted, waiting = waiting, elsewhere = elsewhere })
