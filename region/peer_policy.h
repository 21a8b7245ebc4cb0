#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "quorum/result.h"
#include "security/identity.h"
#include "topology/topology.h"

namespace regent {

// A process of the topology.
using Endpoint = std::variant<GatewayId, NodeId>;

// Who may talk to whom, by identity and topology. Immutable; any thread.
class PeerPolicy {
 public:
  // `topology` must outlive this object.
  PeerPolicy(const Topology& topology, Endpoint self) : topology_(topology), self_(self) {}

  const Endpoint& self() const { return self_; }
  RegionId region_of(const Endpoint& endpoint) const;
  Identity identity_of(const Endpoint& endpoint) const;
  // Where it listens for other gateways (a node: for its region's gateways).
  Address address_of(const Endpoint& endpoint) const;
  // "gateway us-east/gw1", "node eu/n1": for logs.
  std::string describe(const Endpoint& endpoint) const;

  // Whom this process dials: a gateway all other gateways and its own region's nodes, a node
  // nobody.
  std::vector<Endpoint> targets() const;

  // Whether a peer that connected to us may do so: to a gateway, every other gateway; to a node,
  // the gateways of its own region. Errors (ErrorCode::refused) name the identity and the rule.
  Result<Endpoint> may_connect(const Identity& identity) const;
  // Whether the process that we dialled is the one we meant.
  Status must_be(const Endpoint& expected, const Identity& identity) const;

 private:
  std::optional<Endpoint> find(const Identity& identity) const;

  const Topology& topology_;
  Endpoint self_;
};

}  // namespace regent
