-- Transfers one after the other, in one call. ARGV[1]: 54 bytes each: id, wallet to debit, wallet to credit (16 bytes each),
-- a dot, and the amount in minor units as six digits. Answers with one digit each; codes and values as in redis-transfer.lua.
-- Everything is read with one command and written with one, whatever the batch.
local asked = ARGV[1]
local count = #asked / 54
local keys, place = {}, {}
local function need(key)
  if not place[key] then
    keys[#keys + 1] = key
    place[key] = #keys
  end
end
for nth = 0, count - 1 do
  local at = nth * 54
  need("t" .. string.sub(asked, at + 1, at + 16))
  need("w" .. string.sub(asked, at + 17, at + 32))
  need("w" .. string.sub(asked, at + 33, at + 48))
end
local values = redis.call("MGET", unpack(keys))
local changed, answers = {}, {}
for nth = 0, count - 1 do
  local at = nth * 54
  local id = place["t" .. string.sub(asked, at + 1, at + 16)]
  local from, to = "w" .. string.sub(asked, at + 17, at + 32), "w" .. string.sub(asked, at + 33, at + 48)
  local digits = string.sub(asked, at + 49, at + 54)
  local body = from .. to .. digits
  local code = "0"
  if values[id] then
    code = string.sub(values[id], 2) == body and string.sub(values[id], 1, 1) or "3"
  else
    local debit, credit, amount = place[from], place[to], tonumber(digits)
    if not values[debit] or not values[credit] or debit == credit then code = "1"
    elseif tonumber(values[debit]) < amount then code = "2"
    else
      values[debit] = tonumber(values[debit]) - amount
      values[credit] = tonumber(values[credit]) + amount
      changed[debit], changed[credit] = true, true
    end
    values[id] = code .. body
    changed[id] = true
  end
  answers[nth + 1] = code
end
local written = {}
for at in pairs(changed) do
  local value = values[at]
  written[#written + 1] = keys[at]
  written[#written + 1] = type(value) == "number" and string.format("%.0f", value) or value
end
if #written > 0 then redis.call("MSET", unpack(written)) end
return table.concat(answers)
