#include "gateway/quorum_status.h"

#include <Poco/JSON/Array.h>

#include <cmath>
#include <utility>

#include "gateway/json.h"

namespace regent {
namespace {

// The weight a node has in the vote: the majority kind counts heads.
std::uint64_t voting_weight(const Topology& topology, const TopologyNode& node) {
  return topology.kind == QuorumKind::majority ? 1 : node.weight;
}

// A region of a flat tree is no group of it, so its nodes are added up here.
void add_up_nodes(const Topology& topology, const TopologyRegion& region, const Ballot& ballot,
                  RegionStatus& out) {
  std::uint64_t lost = 0;
  for (const NodeId id : region.nodes) {
    const std::uint64_t weight = voting_weight(topology, topology.node(id));
    out.node_total += weight;
    if (ballot.vote(id) == Vote::granted) out.node_weight += weight;
    if (ballot.vote(id) == Vote::refused) lost += weight;
  }
  out.node_needed = out.node_total / 2 + 1;
  if (2 * out.node_weight > out.node_total) {
    out.outcome = Outcome::won;
  } else if (2 * (out.node_total - lost) <= out.node_total) {
    out.outcome = Outcome::lost;
  }
}

}  // namespace

const char* outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::won:
      return "won";
    case Outcome::lost:
      return "lost";
    case Outcome::pending:
      break;
  }
  return "pending";
}

QuorumStatus describe_quorum(const Topology& topology, const Ballot& ballot,
                             std::vector<NodeStatus> nodes) {
  const Explanation root = Explanation::of(topology.tree, ballot);
  const bool flat = topology.kind != QuorumKind::hierarchical;
  nodes.resize(topology.nodes.size());

  QuorumStatus status;
  status.kind = kind_name(topology.kind);
  status.outcome = root.outcome;
  status.weight = root.weight;
  status.needed = root.needed;
  status.total = root.total;
  status.margin = root.margin;
  for (std::size_t i = 0; i < topology.regions.size(); ++i) {
    const TopologyRegion& region = topology.regions[i];
    RegionStatus& out = status.regions.emplace_back();
    out.name = region.name;
    out.weight = region.weight;
    if (flat) {
      add_up_nodes(topology, region, ballot, out);
    } else {
      const Explanation& group = root.children.at(i);
      out.outcome = group.outcome;
      out.node_weight = group.weight;
      out.node_needed = group.needed;
      out.node_total = group.total;
    }
    for (const NodeId id : region.nodes) {
      NodeStatus& node = out.nodes.emplace_back(std::move(nodes[id.value]));
      node.name = topology.node(id).name;
      node.weight = voting_weight(topology, topology.node(id));
    }
  }
  return status;
}

Poco::JSON::Object::Ptr quorum_json(const QuorumStatus& status) {
  using Poco::JSON::Array;
  using Poco::JSON::Object;
  Array::Ptr regions = new Array;
  for (const RegionStatus& region : status.regions) {
    Array::Ptr nodes = new Array;
    for (const NodeStatus& node : region.nodes) {
      Object::Ptr out = ordered_object();
      out->set("name", node.name);
      out->set("weight", node.weight);
      out->set("reachable", node.reachable);
      if (node.not_asked) out->set("asked", false);
      if (node.last_heard_ms >= 0) {
        out->set("last_heard_ms", std::round(node.last_heard_ms * 10) / 10);
      }
      out->set("topology_match", node.topology_match);
      out->set("epoch", node.epoch);
      out->set("supports",
               node.supports.empty() ? Poco::Dynamic::Var() : Poco::Dynamic::Var(node.supports));
      nodes->add(out);
    }
    Object::Ptr out = ordered_object();
    out->set("name", region.name);
    out->set("weight", region.weight);
    out->set("outcome", std::string(outcome_name(region.outcome)));
    out->set("node_weight", region.node_weight);
    out->set("node_needed", region.node_needed);
    out->set("node_total", region.node_total);
    out->set("nodes", nodes);
    regions->add(out);
  }
  Object::Ptr out = ordered_object();
  out->set("kind", status.kind);
  out->set("outcome", std::string(outcome_name(status.outcome)));
  out->set("weight", status.weight);
  out->set("needed", status.needed);
  out->set("total", status.total);
  out->set("margin", status.margin);
  out->set("regions", regions);
  return out;
}

}  // namespace regent
