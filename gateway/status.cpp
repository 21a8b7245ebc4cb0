#include "gateway/status.h"

#include "quorum/check.h"

namespace regent {

const char* role_name(Role role) {
  switch (role) {
    case Role::primary:
      return "primary";
    case Role::candidate:
      return "candidate";
    case Role::standby:
      return "standby";
    case Role::draining:
      return "draining";
    case Role::isolated:
      return "isolated";
  }
  CHECK(false);
}

Role GatewayStatus::role_at(Instant now) const {
  if (role != Role::primary || serves_at(now)) return role;
  return quorum.outcome == Outcome::won ? Role::candidate : Role::isolated;
}

}  // namespace regent
