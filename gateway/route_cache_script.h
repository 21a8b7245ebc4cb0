#pragma once

namespace regent {

// The guard of the route in Redis; Redis runs it as one step.
//
// KEYS  1 the route (hash; also the name of the channel)   2 the history (stream)
// ARGV  1 epoch, decimal   2 primary; "": this epoch was given back
//       3 instant the lease ends, in ms on Redis' own clock   4 JSON of the route, for subscribers
//       5… field, value: gateways of each service, always in the same order
//
// Answers {verdict, epoch in Redis}: `written` or `kept` (a sibling wrote a later end; nothing to
// do), `late` (the lease was over when Redis came to run this), `lower` (Redis knows a higher
// epoch), `conflict` (Redis knows another primary in this epoch), `withdrawn`, `absent` (nothing to
// withdraw), `type` (one of the keys is something else).
//
// Epochs are compared as decimal strings, because a Lua number is exact only up to 2^53. What the
// key last held is remembered in the newest entry of the history, so that an expired key does not
// let an older epoch back in.
inline constexpr const char* kRouteScript = R"lua(
local route, history = KEYS[1], KEYS[2]
local epoch, primary, expires, json = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]

local function lower(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end

local function is_of_type(key, wanted)
  local found = redis.call('TYPE', key).ok
  return found == 'none' or found == wanted
end
if not is_of_type(route, 'hash') or not is_of_type(history, 'stream') then
  return {'type', ''}
end

local function to_map(flat)
  local map = {}
  for i = 1, #flat, 2 do map[flat[i]] = flat[i + 1] end
  return map
end
local current = to_map(redis.call('HGETALL', route))
current.updated_ms = nil
local last = {}
local newest = redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)
if newest[1] then last = to_map(newest[1][2]) end

local highest = last
if current.epoch and not (last.epoch and lower(current.epoch, last.epoch)) then
  highest = current
end
if highest.epoch and lower(epoch, highest.epoch) then return {'lower', highest.epoch} end

if primary == '' then
  if current.epoch ~= epoch then return {'absent', highest.epoch or '0'} end
  redis.call('DEL', route)
  redis.call('PUBLISH', route, json)
  return {'withdrawn', epoch}
end
if highest.epoch == epoch and highest.primary ~= primary then return {'conflict', epoch} end

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
if expires <= now then return {'late', highest.epoch or '0'} end

local fields = {'epoch', epoch, 'primary', primary}
for i = 5, #ARGV do fields[#fields + 1] = ARGV[i] end
local function differs(stored)
  local count = 0
  for _ in pairs(stored) do count = count + 1 end
  if count * 2 ~= #fields then return true end
  for i = 1, #fields, 2 do
    if stored[fields[i]] ~= fields[i + 1] then return true end
  end
  return false
end
local changed = differs(current)
if current.epoch == epoch then
  local left = redis.call('PTTL', route)
  if left > 0 and now + left >= expires then
    if not changed then return {'kept', epoch} end
    expires = now + left
  end
end
if changed then redis.call('DEL', route) end
redis.call('HSET', route, 'updated_ms', string.format('%.0f', now), unpack(fields))
redis.call('PEXPIREAT', route, string.format('%.0f', expires))
if changed then redis.call('PUBLISH', route, json) end
if differs(last) then redis.call('XADD', history, 'MAXLEN', '1000', '*', unpack(fields)) end
return {'written', epoch}
)lua";

}  // namespace regent
