-- One transfer. KEYS: the transfer, the wallet to debit, the wallet to credit. ARGV: the amount in minor units.
-- Codes: 0 moved, 1 wallet_not_found, 2 insufficient_funds, 3 id_reused. The answer to an id is kept, a rejection too.
-- A transfer's value is its code, both wallets and the amount; a wallet's value is its balance.
local known, debited, credited = unpack(redis.call("MGET", KEYS[1], KEYS[2], KEYS[3]))
local body = KEYS[2] .. KEYS[3] .. ARGV[1]
if known then
  if string.sub(known, 2) == body then return tonumber(string.sub(known, 1, 1)) end
  return 3
end
local amount = tonumber(ARGV[1])
local code = 0
if not debited or not credited or KEYS[2] == KEYS[3] then code = 1
elseif tonumber(debited) < amount then code = 2 end
if code > 0 then
  redis.call("SET", KEYS[1], code .. body)
  return code
end
redis.call("MSET", KEYS[1], "0" .. body,
  KEYS[2], string.format("%.0f", tonumber(debited) - amount),
  KEYS[3], string.format("%.0f", tonumber(credited) + amount))
return 0
