-- Health of a custom resource of cloudsso.dev, for Argo CD. It agrees with what kstatus computes for Flux and Helm, and also tells
-- a fault that stays until a person changes something (Degraded) from a state that may pass by itself (Progressing).
-- Argo CD opens only the libraries base, package, table and a part of os for it.

-- Reasons of a False condition Ready that stay until a person changes something. With any other reason the object waits, for
-- example for a member or a role that is created later.
local needsPerson = {
  -- CloudSSODirectory
  AwaitingActivation = true,
  NotSelected = true,
  NotPermitted = true,
  -- CloudSSOUser, CloudSSOGroup
  UserNameConflict = true,
  DisplayNameConflict = true,
  -- SCIMCredential
  QuotaExceeded = true,
  TokenConflict = true,
  SecretRefused = true,
  ExpiryMissing = true,
  OldLayout = true,
  -- CloudSSOAccessAssignment
  AccessNotInstalled = true,
  PolicyMissing = true,
  PrincipalChanged = true,
  RoleNotAllowed = true,
  TargetExcluded = true,
  WriteRefused = true,
}

local hs = { status = "Progressing", message = "the operator has not looked at this version of the object yet" }
local status = obj.status or {}

-- A synchronized user has no observedGeneration, because each change of its profile would need a write of its status.
if status.observedGeneration == nil and obj.kind == "CloudSSOUser" and obj.spec.source ~= "SCIM" then
  return hs
end
if status.observedGeneration ~= nil and status.observedGeneration ~= obj.metadata.generation then
  return hs
end

local ready = nil
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Ready" then
    ready = condition
  end
end

-- A synchronized user that is active has no conditions until there is something to report.
if ready == nil then
  hs.status = "Healthy"
  hs.message = status.state or ""
  return hs
end

-- An object that its spec switches off is Healthy: Argo CD would wait for a Suspended one without end.
if ready.status == "True" then
  hs.status = "Healthy"
elseif needsPerson[ready.reason] then
  hs.status = "Degraded"
end
hs.message = ready.reason .. ": " .. ready.message
return hs
