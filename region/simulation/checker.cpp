#include "region/simulation/checker.h"

#include <algorithm>

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

Checker::Checker(const Topology& topology)
    : topology_(topology), nodes_(topology.nodes.size()), lease_of_(topology.gateways.size()) {
  tree_.emplace_back();
  add_place(plain_tree(topology), 0);
}

void Checker::add_place(const Group& group, std::uint32_t place) {
  const auto first = static_cast<std::uint32_t>(tree_.size());
  const auto count = static_cast<std::uint32_t>(group.children.size());
  tree_[place] = {group.weight, 0, group.leaf, first, count};
  tree_.resize(tree_.size() + count);
  for (std::uint32_t i = 0; i < count; ++i) {
    tree_[place].total += group.children[i].weight;
    add_place(group.children[i], first + i);
  }
}

void Checker::fail(const std::string& problem) {
  if (!violation_) violation_ = problem;
}

std::string Checker::name(GatewayId id) const {
  const TopologyGateway& gateway = topology_.gateway(id);
  return topology_.region_name(gateway.region) + "/" + gateway.name;
}

std::string Checker::name(NodeId id) const {
  const TopologyNode& node = topology_.node(id);
  return topology_.region_name(node.region) + "/" + node.name;
}

void Checker::asked(GatewayId gateway, const Question& question, Instant sent, bool drained) {
  const auto [round, first] = rounds_.emplace(question.round, Round{gateway, question, sent, {}});
  if (!first) {
    if (round->second.question != question) fail(name(gateway) + " used a round number twice");
    return;
  }
  Asker& asker = askers_[question.incarnation];
  if (question.kind == QuestionKind::ask) {
    asker.asks.push_back(question.round);
    asker.asks_in = std::max(asker.asks_in, question.epoch);
    if (question.epoch <= asker.given_back) {
      fail(name(gateway) + " asks in epoch " + std::to_string(question.epoch.value) +
           " after it gave it back");
    }
  } else if (question.kind != QuestionKind::probe) {
    asker.given_back = std::max(asker.given_back, question.epoch);
    if (question.kind == QuestionKind::release && question.epoch == asker.served_in &&
        sent < asker.served_until && !drained) {
      fail(name(gateway) + " frees its votes although writes of its reign may be on their way");
    }
  }
}

void Checker::node_started(NodeId node) {
  nodes_.at(node.value).closed = Epoch{};
}

void Checker::answered(const Answer& answer, Instant decided) {
  Witnessed& node = nodes_.at(answer.node.value);
  if (answer.epoch < node.epoch) {
    fail(name(answer.node) + " went back from epoch " + std::to_string(node.epoch.value));
  }
  node.epoch = std::max(node.epoch, answer.epoch);
  if (answer.verdict != Verdict::granted) return check_wait(answer, decided);
  switch (answer.question.kind) {
    case QuestionKind::ask:
      granted(answer, decided);
      break;
    case QuestionKind::probe:
      break;
    case QuestionKind::close:
      node.closed = std::max(node.closed, answer.question.epoch);
      [[fallthrough]];
    case QuestionKind::release:
      std::erase_if(node.promises, [&](const Promise& promise) {
        return promise.to == answer.question.incarnation && promise.epoch == answer.question.epoch;
      });
  }
  check_wait(answer, decided);
}

void Checker::check_wait(const Answer& answer, Instant decided) {
  for (const Promise& other : nodes_[answer.node.value].promises) {
    const bool own = other.to == answer.question.incarnation;
    if (own || decided + answer.wait >= other.until || left(other.to, other.epoch)) continue;
    fail(name(answer.node) + " says it is free sooner than its promise in epoch " +
         std::to_string(other.epoch.value) + " runs out");
  }
}

void Checker::granted(const Answer& answer, Instant decided) {
  const Question& question = answer.question;
  auto& votes = nodes_[answer.node.value].votes;
  auto vote = votes.end();
  while (vote != votes.begin() && std::prev(vote)->first > question.epoch) --vote;
  if (vote == votes.begin() || std::prev(vote)->first != question.epoch) {
    votes.insert(vote, {question.epoch, question.region});
  } else if (std::prev(vote)->second != question.region) {
    fail(name(answer.node) + " supports two regions in epoch " +
         std::to_string(question.epoch.value));
  }
  if (question.epoch == nodes_[answer.node.value].closed) {
    fail(name(answer.node) + " grants more in epoch " + std::to_string(question.epoch.value) +
         ", which it was told to close");
  }
  promised(answer, decided);
  const auto round = rounds_.find(question.round);
  if (round == rounds_.end() || round->second.question != question) {
    fail(name(answer.node) + " answers a question that nobody asked");
    return;
  }
  round->second.granters.resize(nodes_.size());
  round->second.granters[answer.node.value] = true;
}

// Who asks in a higher epoch, or gave this one back, does not hold it any more.
bool Checker::left(Incarnation asker, Epoch epoch) const {
  const auto known = askers_.find(asker);
  return known != askers_.end() &&
         (known->second.asks_in > epoch || known->second.given_back >= epoch);
}

void Checker::promised(const Answer& answer, Instant decided) {
  auto& promises = nodes_[answer.node.value].promises;
  const Question& question = answer.question;
  std::erase_if(promises, [&](const Promise& old) { return old.until <= decided; });
  for (const Promise& other : promises) {
    if (other.epoch >= question.epoch || left(other.to, other.epoch)) continue;
    fail(name(answer.node) + " enters epoch " + std::to_string(question.epoch.value) +
         " although its promise in epoch " + std::to_string(other.epoch.value) + " runs for " +
         std::to_string((other.until - decided).count() / 1000) + " us yet");
  }
  // The asking clock may be slow and the node's fast, both at the bound.
  const auto drift = static_cast<std::int64_t>(topology_.timing.clock_drift_ppm);
  const std::int64_t lease = question.lease.count();
  const std::int64_t slow = 1'000'000 - drift;
  const std::int64_t longest = (lease * (1'000'000 + drift) + slow - 1) / slow;
  promises.push_back({question.incarnation, question.epoch, decided + Duration(longest)});
}

bool Checker::wins(std::uint32_t at, const std::vector<bool>& granters) const {
  const Place& place = tree_[at];
  if (place.leaf != kNoNode)
    return place.leaf.value < granters.size() && granters[place.leaf.value];
  std::uint64_t present = 0;
  for (std::uint32_t child = place.first; child < place.first + place.count; ++child) {
    if (tree_[child].weight > 0 && wins(child, granters)) present += tree_[child].weight;
  }
  return present > place.total - present;
}

bool Checker::rests_on(const Round& round, Epoch epoch, Instant end) const {
  return round.question.epoch == epoch && end <= round.sent + round.question.lease &&
         wins(0, round.granters);
}

void Checker::leased(GatewayId gateway, Incarnation incarnation, Epoch epoch, Instant end,
                     TrueInstant now, TrueInstant true_end) {
  ++leases_;
  Asker& asker = askers_[incarnation];
  if (epoch != asker.served_in) asker.served_until = end;
  asker.served_in = epoch;
  asker.served_until = std::max(asker.served_until, end);
  const RegionId region = topology_.gateway(gateway).region;
  bool rests = false;
  const std::vector<RoundId>& asked = asker.asks;
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
  lease_of_[gateway.value] = {epoch, true_end};
  check_alone(gateway, now);
}

void Checker::lease_moved(GatewayId gateway, TrueInstant now, TrueInstant true_end) {
  Lease& lease = lease_of_[gateway.value];
  if (lease.end <= now) return;
  lease.end = true_end;
  check_alone(gateway, now);
}

void Checker::lease_ended(GatewayId gateway) {
  lease_of_[gateway.value].end = TrueInstant::min();
}

// It is enough to look when a lease begins or becomes longer: in between no two begin to overlap.
void Checker::check_alone(GatewayId gateway, TrueInstant now) {
  const RegionId region = topology_.gateway(gateway).region;
  const Lease& own = lease_of_[gateway.value];
  if (own.end <= now) return;
  for (std::uint16_t i = 0; i < lease_of_.size(); ++i) {
    if (lease_of_[i].end <= now || topology_.gateways[i].region == region) continue;
    fail("two regions hold leases: " + name(GatewayId{i}) + " in epoch " +
         std::to_string(lease_of_[i].epoch.value) + " and " + name(gateway) + " in epoch " +
         std::to_string(own.epoch.value));
  }
}

std::optional<Checker::Holder> Checker::holder(TrueInstant now) const {
  for (std::uint16_t i = 0; i < lease_of_.size(); ++i) {
    if (lease_of_[i].end > now) return Holder{GatewayId{i}, lease_of_[i].epoch};
  }
  return std::nullopt;
}

void Checker::wrote(GatewayId gateway, Epoch epoch, TrueInstant now) {
  ++writes_;
  if (epoch < written_) {
    fail(name(gateway) + " takes a write in epoch " + std::to_string(epoch.value) +
         " after one in epoch " + std::to_string(written_.value));
  }
  written_ = std::max(written_, epoch);
  const Lease& lease = lease_of_[gateway.value];
  if (lease.epoch != epoch || lease.end <= now) {
    fail(name(gateway) + " takes a write in epoch " + std::to_string(epoch.value) +
         " without a live lease in it");
  }
}

}  // namespace regent::simulation
