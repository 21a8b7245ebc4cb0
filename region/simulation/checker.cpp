#include "region/simulation/checker.h"

namespace regent::simulation {
namespace {

Group leaf(const Topology& topology, NodeId id) {
  const TopologyNode& node = topology.node(id);
  const std::uint64_t weight = topology.kind == QuorumKind::majority ? 1 : node.weight;
  return {node.name, weight, id, {}};
}

}  // namespace

Group plain_tree(const Topology& topology) {
  Group root{topology.cluster, 1, kNoNode, {}};
  for (const TopologyRegion& region : topology.regions) {
    Group group{region.name, region.weight, kNoNode, {}};
    std::map<std::string, Group> zones;
    for (const TopologyZone& zone : region.zones) {
      zones[zone.name] = {zone.name, zone.weight, kNoNode, {}};
    }
    for (const NodeId id : region.nodes) {
      const auto zone = zones.find(topology.node(id).zone);
      (zone == zones.end() ? group : zone->second).children.push_back(leaf(topology, id));
    }
    for (auto& [name, zone] : zones) group.children.push_back(std::move(zone));
    root.children.push_back(std::move(group));
  }
  if (topology.kind == QuorumKind::hierarchical) return root;
  Group flat{topology.cluster, 1, kNoNode, {}};
  for (std::uint32_t i = 0; i < topology.nodes.size(); ++i) {
    flat.children.push_back(leaf(topology, NodeId{i}));
  }
  return flat;
}

Checker::Checker(const Topology& topology) : topology_(topology), tree_(plain_tree(topology)) {}

void Checker::fail(const std::string& problem) {
  if (!violation_) violation_ = problem;
}

std::string Checker::name(GatewayId id) const {
  const TopologyGateway& gateway = topology_.gateway(id);
  return topology_.region_name(gateway.region) + "/" + gateway.name;
}

void Checker::asked(GatewayId gateway, const Question& question, Instant sent) {
  if (!rounds_.emplace(question.round, Round{gateway, question, sent, {}}).second) {
    fail(name(gateway) + " used a round number twice");
  }
  Epoch& given_back = given_back_[question.incarnation];
  if (question.kind == QuestionKind::ask) {
    rounds_of_[question.incarnation].push_back(question.round);
    if (question.epoch <= given_back) {
      fail(name(gateway) + " asks in epoch " + std::to_string(question.epoch.value) +
           " after it gave it back");
    }
  } else if (question.kind != QuestionKind::probe) {
    given_back = std::max(given_back, question.epoch);
  }
}

void Checker::answered(const Answer& answer) {
  const std::string node = topology_.region_name(topology_.node(answer.node).region) + "/" +
                           topology_.node(answer.node).name;
  Epoch& epoch = epoch_of_node_[answer.node];
  if (answer.epoch < epoch) fail(node + " went back from epoch " + std::to_string(epoch.value));
  epoch = answer.epoch;
  if (answer.question.kind != QuestionKind::ask || answer.verdict != Verdict::granted) return;
  const auto [vote, first] =
      votes_.emplace(std::pair(answer.node, answer.question.epoch), answer.question.region);
  if (!first && vote->second != answer.question.region) {
    fail(node + " supports two regions in epoch " + std::to_string(answer.question.epoch.value));
  }
  const auto round = rounds_.find(answer.question.round);
  if (round == rounds_.end() || round->second.question != answer.question) {
    fail(node + " answers a question that nobody asked");
  } else {
    round->second.granters.insert(answer.node);
  }
}

bool Checker::wins(const Group& group, const std::set<NodeId>& granters) const {
  if (group.leaf != kNoNode) return granters.contains(group.leaf);
  std::uint64_t total = 0;
  std::uint64_t present = 0;
  for (const Group& child : group.children) {
    total += child.weight;
    if (child.weight > 0 && wins(child, granters)) present += child.weight;
  }
  return present > total - present;
}

bool Checker::rests_on(const Round& round, Epoch epoch, Instant end) const {
  return round.question.epoch == epoch && end <= round.sent + round.question.lease &&
         wins(tree_, round.granters);
}

void Checker::leased(GatewayId gateway, Incarnation incarnation, Epoch epoch, Instant end) {
  ++leases_;
  const RegionId region = topology_.gateway(gateway).region;
  bool rests = false;
  const std::vector<RoundId>& asked = rounds_of_[incarnation];
  for (auto round = asked.rbegin(); round != asked.rend() && !rests; ++round) {
    rests = rests_on(rounds_.at(*round), epoch, end);
  }
  if (!rests) {
    fail(name(gateway) + " has a lease in epoch " + std::to_string(epoch.value) +
         " that no won round of its own gives it");
  }
  const auto last = reigns_.empty() ? reigns_.end() : std::prev(reigns_.end());
  if (last != reigns_.end() && epoch < last->first) {
    fail(name(gateway) + " has a lease in epoch " + std::to_string(epoch.value) + " after epoch " +
         std::to_string(last->first.value));
  }
  if (last == reigns_.end() || (last->first < epoch && last->second != region)) ++changes_;
  const auto [reign, first] = reigns_.emplace(epoch, region);
  if (!first && reign->second != region) {
    fail("epoch " + std::to_string(epoch.value) + " has two regions");
  }
}

void Checker::wrote(GatewayId gateway, Epoch epoch) {
  ++writes_;
  if (epoch < written_) {
    fail(name(gateway) + " takes a write in epoch " + std::to_string(epoch.value) +
         " after one in epoch " + std::to_string(written_.value));
  }
  written_ = std::max(written_, epoch);
  const auto reign = reigns_.find(epoch);
  if (reign == reigns_.end() || reign->second != topology_.gateway(gateway).region) {
    fail(name(gateway) + " takes a write in an epoch that its region does not lead");
  }
}

void Checker::holders(std::span<const Holder> holders) {
  for (std::size_t i = 1; i < holders.size(); ++i) {
    const Holder& a = holders[i - 1];
    const Holder& b = holders[i];
    if (topology_.gateway(a.gateway).region == topology_.gateway(b.gateway).region) continue;
    fail("two regions hold leases: " + name(a.gateway) + " in epoch " +
         std::to_string(a.epoch.value) + " and " + name(b.gateway) + " in epoch " +
         std::to_string(b.epoch.value));
  }
}

}  // namespace regent::simulation
