-- Argo CD's health of a Quarantine. Healthy: what was asked for is in place, be it a dry run. Suspended: the operator does nothing
-- until `suspend: false`. Progressing: the operator goes on by itself. Degraded: a person must act, and the message says how.
local health = { status = "Progressing", message = "The operator hasn't looked at it yet." }
local seen = obj.status
if seen == nil or seen.conditions == nil or seen.observedGeneration ~= obj.metadata.generation then
  return health
end
local ready, stalled = nil, false
for _, condition in ipairs(seen.conditions) do
  if condition.type == "Ready" then
    ready = condition
  elseif condition.type == "Stalled" then
    stalled = condition.status == "True"
  end
end
if ready == nil then
  return health
end
health.message = ready.reason .. ": " .. ready.message
if stalled then
  health.status = "Degraded"
elseif ready.status == "True" and obj.spec.suspend then
  health.status = "Suspended"
elseif ready.status == "True" then
  health.status = "Healthy"
end
return health
