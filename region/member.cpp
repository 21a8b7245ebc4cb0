#include "region/member.h"

#include <algorithm>

#include "topology/electorate.h"

namespace regent {

namespace {

constexpr Duration kReconnectAfter = std::chrono::seconds(1);  // of silence, and between attempts

ElectionConfig election_config(const Topology& topology, RegionId region, Incarnation incarnation) {
  return {region, incarnation, topology.timing.lease, topology.timing.election_window,
          DriftBound{topology.timing.clock_drift_ppm}};
}

// Regions that may be primary, and stand before this one: by priority, weight and name.
std::vector<RegionId> regions_before(const Topology& topology, RegionId own) {
  const auto order = [&](RegionId id) {
    const TopologyRegion& region = topology.region(id);
    return std::tuple(-std::int64_t{region.priority}, -std::int64_t(region.weight), id);
  };
  std::vector<RegionId> before;
  for (std::uint16_t i = 0; i < topology.regions.size(); ++i) {
    const RegionId id{i};
    if (topology.region(id).may_be_primary() && order(id) < order(own)) before.push_back(id);
  }
  return before;
}

}  // namespace

void Outbox::clear() {
  to_nodes.clear();
  to_gateways.clear();
  replies.clear();
  reconnect.clear();
  link_changes.clear();
  switchovers.clear();
  handed_over = false;
  changed = false;
  pause_changed = false;
}

Member::Member(const Topology& topology, GatewayId self, Incarnation incarnation,
               std::uint64_t seed, std::string version, Instant now)
    : topology_(topology),
      self_(self),
      region_(topology.gateway(self).region),
      version_(std::move(version)),
      incarnation_(incarnation),
      election_(election_config(topology, region_, incarnation), topology.tree, seed, now),
      links_(topology.gateways.size(), self, topology.timing.heartbeat,
             DriftBound{topology.timing.clock_drift_ppm}, topology.quorum_hash),
      tallies_(topology, region_),
      failback_(topology.failback.hold_down),
      own_tree_(own_tree(topology, region_)),
      own_nodes_(own_tree_),
      better_regions_(regions_before(topology, region_)),
      node_matches_(topology.nodes.size(), true),
      shown_version_(topology.version),
      shown_hash_(topology.hash),
      backends_(backend_facts(topology, {})),
      started_(now),
      next_heartbeat_(now),
      next_reconnect_(topology.gateways.size(), now),
      look_for_silence_(now) {}

BackendFacts backend_facts(const Topology& topology, const std::vector<std::uint32_t>& healthy) {
  BackendFacts facts{true, 0};
  for (std::size_t i = 0; i < topology.services.size(); ++i) {
    const std::uint32_t count = i < healthy.size() ? healthy[i] : 0;
    facts.healthy += count;
    facts.enough &= count >= topology.services[i].min_backends;
  }
  return facts;
}

void Member::show_topology(std::uint64_t version, std::string hash) {
  shown_version_ = version;
  shown_hash_ = std::move(hash);
  next_heartbeat_ = Instant::min();
}

bool Member::topology_match(GatewayId gateway) const {
  const Heartbeat* last = links_.last(gateway);
  return last == nullptr || last->topology_hash == shown_hash_;
}

void Member::from_node(NodeId node, const PeerMessage& message, Instant now, Outbox& out) {
  if (topology_.node(node).region != region_) return;
  if (const auto* tally = std::get_if<TallyMessage>(&message)) {
    count(*tally, now, out);
    tallies_.add(*tally);
  }
}

void Member::from_gateway(GatewayId gateway, std::uint64_t connection, const PeerMessage& message,
                          Instant now, Outbox& out) {
  if (const auto* heartbeat = std::get_if<Heartbeat>(&message)) {
    on_heartbeat(gateway, *heartbeat, now, out);
  } else if (const auto* round = std::get_if<RoundMessage>(&message)) {
    on_round(gateway, connection, *round, now, out);
  } else if (const auto* tally = std::get_if<TallyMessage>(&message)) {
    count(*tally, now, out);
  } else if (const auto* wish = std::get_if<SwitchoverRequest>(&message)) {
    begin_handover(wish->to, wish->timeout, Remote{connection, wish->id}, now, out);
  } else if (const auto* reply = std::get_if<SwitchoverReply>(&message)) {
    if (passed_on_.erase(reply->id) == 1) out.switchovers.emplace_back(reply->id, *reply);
  } else if (const auto* drain = std::get_if<DrainRequest>(&message)) {
    if (topology_.gateway(gateway).region == region_)
      on_drain_request(gateway, connection, *drain, now, out);
  } else if (const auto* drained = std::get_if<Drained>(&message)) {
    if (handover_ && drained->epoch == handover_->epoch) std::erase(handover_->siblings, gateway);
  } else if (const auto* hand_over = std::get_if<HandOver>(&message)) {
    // Only who held the epoch can give it back.
    const PrimaryView known = election_.view();
    if (known.epoch == hand_over->epoch && known.primary == topology_.gateway(gateway).region) {
      out.handed_over = true;
      saw_reign({hand_over->epoch, true, hand_over->successor}, now, out);
      apply(election_.handed_over(hand_over->epoch, hand_over->successor, now), now, out);
    }
  }
}

void Member::count(const TallyMessage& message, Instant now, Outbox& out) {
  counted_.clear();
  for (const SignedAnswer& answer : message.answers) {
    const NodeId node = answer.answer.node;
    if (node.value >= node_matches_.size()) continue;
    node_matches_[node.value] = answer.quorum_hash == topology_.quorum_hash;
    if (node_matches_[node.value]) counted_.push_back(answer.answer);
  }
  apply(election_.answers(counted_, now), now, out);
}

void Member::on_round(GatewayId gateway, std::uint64_t connection, const RoundMessage& message,
                      Instant now, Outbox& out) {
  const bool speaks_for_itself = message.question.region == topology_.gateway(gateway).region;
  if (!speaks_for_itself || message.quorum_hash != topology_.quorum_hash) return;
  if (!tallies_.open(message.question.round, connection, now)) return;
  for (NodeId node : topology_.region(region_).nodes) out.to_nodes.emplace_back(node, message);
}

void Member::on_heartbeat(GatewayId gateway, const Heartbeat& heartbeat, Instant now, Outbox& out) {
  hear_pause(heartbeat, now, out);
  if (!links_.heard(gateway, heartbeat, now) || !links_.quorum_match(gateway)) return;
  const Instant until = std::min(links_.lease_until(gateway), now + topology_.timing.lease);
  if (heartbeat.primary != kNoRegion && until > now) {
    apply(election_.heard_view({heartbeat.epoch, heartbeat.primary, until}, now), now, out);
  }
}

void Member::apply(Election::Output output, Instant now, Outbox& out) {
  out.changed |= output.changed;
  for (const Question& question : output.questions) put(question, out);
  if (output.hand_over) released(*output.hand_over, now, out);
}

void Member::put(const Question& question, Outbox& out) {
  const RoundMessage message{question, topology_.quorum_hash};
  for (NodeId node : topology_.region(region_).nodes) out.to_nodes.emplace_back(node, message);
  for (std::uint16_t i = 0; i < topology_.gateways.size(); ++i) {
    const bool elsewhere = topology_.gateways[i].region != region_;
    if (elsewhere) out.to_gateways.emplace_back(GatewayId{i}, message);
  }
}

void Member::tick(Instant now, std::int64_t writes_in_flight, Outbox& out) {
  watch_links(now, out);
  watch_reign(now, out);
  update_standing(now);
  if (better_may_be_starting(now)) election_.defer_until(now + topology_.timing.heartbeat);
  if (now >= election_.next_deadline()) apply(election_.tick(now), now, out);
  consider_failback(now, out);
  advance_leaving(now, out);
  advance_handover(now, writes_in_flight, out);
  for (auto& due : tallies_.take(now)) out.replies.emplace_back(due.asker, std::move(due.message));
  std::erase_if(passed_on_, [&](const auto& entry) {
    if (now < entry.second) return false;
    out.switchovers.emplace_back(entry.first,
                                 SwitchoverReply{entry.first,
                                                 SwitchoverOutcome::timed_out,
                                                 "the primary's gateway did not answer in time",
                                                 {},
                                                 {}});
    return true;
  });
  const PrimaryView view = election_.view();
  const bool serving = election_.holds_lease(now);
  const bool long_lease = serving && view.until - now > topology_.timing.lease / 2;
  const Told now_true{serving, long_lease, view.epoch, view.primary, leaving(), pause_.pause};
  if (now >= next_heartbeat_ || now_true != told_) {
    told_ = now_true;
    send_heartbeats(now, out);
  }
}

Instant Member::next_deadline(Instant now) const {
  constexpr Duration kDrainPoll = std::chrono::milliseconds(1);
  Instant next = std::min(next_heartbeat_, election_.next_deadline());
  next = std::min({next, tallies_.next_deadline(), links_.next_deadline(now)});
  if (draining()) next = std::min(next, now + kDrainPoll);
  // While releasing the election's own deadline counts; this one may be over already.
  if (handover_ && handover_->stage == Handover::Stage::waiting) {
    next = std::min(next, handover_->deadline);
  }
  if (leaving_ && leaving_->token) next = std::min(next, now + kDrainPoll);
  for (const auto& [token, deadline] : passed_on_) next = std::min(next, deadline);
  return next;
}

void Member::send_heartbeats(Instant now, Outbox& out) {
  next_heartbeat_ = now + topology_.timing.heartbeat;
  const PrimaryView view = election_.view();
  Heartbeat heartbeat;
  heartbeat.incarnation = incarnation_;
  heartbeat.version = version_;
  heartbeat.topology_version = shown_version_;
  heartbeat.topology_hash = shown_hash_;
  heartbeat.quorum_hash = topology_.quorum_hash;
  heartbeat.region_quorate = own_nodes_quorate(now);
  heartbeat.eligible = eligible(now);
  heartbeat.healthy_backends = backends_.healthy;
  heartbeat.epoch = election_.epoch();
  if (view.until > now) {
    heartbeat.epoch = view.epoch;
    heartbeat.primary = view.primary;
    heartbeat.lease_left = view.until - now;
  }
  heartbeat.serving = election_.holds_lease(now);
  heartbeat.draining = leaving();
  heartbeat.pause = pause_.pause;
  if (paused()) heartbeat.last_reign = pause_.last_reign;
  for (std::uint16_t i = 0; i < topology_.gateways.size(); ++i) {
    if (GatewayId{i} == self_) continue;
    Heartbeat stamped = heartbeat;
    links_.stamp(GatewayId{i}, stamped, now);
    out.to_gateways.emplace_back(GatewayId{i}, std::move(stamped));
  }
}

void Member::watch_links(Instant now, Outbox& out) {
  Links::Report report = links_.report(now);
  const bool heal = std::any_of(report.changes.begin(), report.changes.end(),
                                [](const auto& c) { return c.from == LinkState::down; });
  if (heal || report.newly_suspect) apply(election_.check(now), now, out);
  for (auto& change : report.changes) out.link_changes.push_back(change);
  if (now < look_for_silence_) return;
  look_for_silence_ = now + topology_.timing.heartbeat / 2;
  for (std::uint16_t i = 0; i < topology_.gateways.size(); ++i) {
    const auto heard = links_.last_heard(GatewayId{i});
    if (!heard || now - *heard < kReconnectAfter || now < next_reconnect_[i]) continue;
    next_reconnect_[i] = now + kReconnectAfter;
    out.reconnect.push_back(GatewayId{i});
  }
}

bool Member::own_nodes_quorate(Instant now) const {
  for (NodeId node : topology_.region(region_).nodes) {
    own_nodes_.set(node, election_.reachable(node, now) ? Vote::granted : Vote::refused);
  }
  return own_nodes_.outcome() == Outcome::won;
}

bool Member::eligible(Instant now) const {
  if (leaving()) return false;
  return topology_.region(region_).may_be_primary() && backends_.enough && own_nodes_quorate(now);
}

bool Member::heard_eligible(GatewayId gateway, Instant now) const {
  const Heartbeat* last = links_.last(gateway);
  return last != nullptr && last->eligible && links_.quorum_match(gateway) &&
         !links_.suspect(gateway, now);
}

// Whether another region could take over now, as its gateways say.
bool Member::fit(RegionId region, Instant now) const {
  const auto& gateways = topology_.region(region).gateways;
  return std::any_of(gateways.begin(), gateways.end(),
                     [&](GatewayId gateway) { return heard_eligible(gateway, now); });
}

unsigned Member::rank(Instant now) const {
  return static_cast<unsigned>(std::count_if(better_regions_.begin(), better_regions_.end(),
                                             [&](RegionId region) { return fit(region, now); }));
}

// When everything starts at once, whoever is ready first would win, and stay. So a gateway that has
// just started, and has not heard of any primary yet, gives better regions a little time.
bool Member::better_may_be_starting(Instant now) const {
  if (now >= started_ + topology_.timing.lease * 2 || election_.view().epoch != Epoch{}) {
    return false;
  }
  return rank(now) < better_regions_.size();
}

// Whether this is the first of its region's gateways that serve: one of them acts for all.
bool Member::leads_siblings(Instant now) const {
  const auto& siblings = topology_.region(region_).gateways;
  return std::none_of(siblings.begin(), siblings.end(), [&](GatewayId sibling) {
    const Heartbeat* last = links_.last(sibling);
    return sibling < self_ && last != nullptr && last->serving && !links_.suspect(sibling, now);
  });
}

void Member::consider_failback(Instant now, Outbox& out) {
  if (!topology_.failback.automatic) return;
  std::optional<RegionId> preferred;
  const bool free = !handover_ && !leaving() && !paused();
  if (election_.holds_lease(now) && free && leads_siblings(now)) {
    for (std::uint16_t i = 0; i < topology_.regions.size(); ++i) {
      const TopologyRegion& region = topology_.regions[i];
      const RegionId best = preferred.value_or(region_);
      if (region.may_be_primary() && region.priority > topology_.region(best).priority &&
          fit(RegionId{i}, now)) {
        preferred = RegionId{i};
      }
    }
  }
  if (const auto to = failback_.consider(preferred, now)) {
    begin_handover(*to, topology_.timing.lease * 2, std::nullopt, now, out);
  }
}

}  // namespace regent
