#include "gateway/picture.h"

#include <algorithm>

#include "gateway/quorum_status.h"

namespace regent {

namespace {

constexpr int kMarginShare = 10;

double milliseconds(Duration span) {
  return std::chrono::duration<double, std::milli>(span).count();
}

Role role_of(const Member& member, Instant now) {
  const Election& election = member.election();
  if (member.leaving() || member.draining() || election.role() == Election::Role::releasing)
    return Role::draining;
  if (election.holds_lease(now)) return Role::primary;
  if (election.role() == Election::Role::candidate) return Role::candidate;
  return election.quorum_reachable(now) ? Role::standby : Role::isolated;
}

QuorumStatus quorum_of(const Topology& topology, const Member& member, Instant started,
                       Instant now) {
  const Election& election = member.election();
  Ballot ballot(topology.tree);
  std::vector<NodeStatus> nodes(topology.nodes.size());
  for (std::uint32_t i = 0; i < nodes.size(); ++i) {
    const NodeId id{i};
    const NodeView& view = election.node(id);
    nodes[i].reachable = election.reachable(id, now);
    nodes[i].not_asked = !view.heard && now - started < topology.timing.lease;
    if (view.heard) nodes[i].last_heard_ms = milliseconds(now - *view.heard);
    nodes[i].topology_match = member.node_matches(id);
    nodes[i].epoch = view.epoch.value;
    nodes[i].supports = topology.region_name(view.supports);
    ballot.set(id, nodes[i].reachable ? Vote::granted : Vote::refused);
  }
  return describe_quorum(topology, ballot, std::move(nodes));
}

std::vector<LinkStatus> links_of(const Topology& topology, GatewayId self, const Member& member,
                                 Instant now) {
  std::vector<LinkStatus> links;
  for (std::uint16_t i = 0; i < topology.gateways.size(); ++i) {
    const GatewayId id{i};
    if (id == self) continue;
    LinkStatus link;
    link.region = topology.region_name(topology.gateway(id).region);
    link.gateway = topology.gateway(id).name;
    link.state = link_state_name(member.links().state(id, now));
    if (const auto rtt = member.links().round_trip(id)) link.rtt_ms = milliseconds(*rtt);
    if (const auto heard = member.links().last_heard(id)) {
      link.last_heard_ms = milliseconds(now - *heard);
    }
    link.topology_match = member.topology_match(id);
    link.quorum_match = member.links().quorum_match(id);
    link.eligible = member.heard_eligible(id, now);
    if (const Heartbeat* last = member.links().last(id)) {
      link.pause = last->pause;
      if (link.state != link_state_name(LinkState::down)) link.drill = last->drill;
    }
    links.push_back(std::move(link));
  }
  return links;
}

}  // namespace

Duration serve_margin(const Topology& topology) {
  return topology.timing.lease / kMarginShare;
}

Route make_route(const Topology& topology, GatewayId self, const Member& member, Instant now) {
  const Election& election = member.election();
  const PrimaryView view = election.view();
  Route route;
  route.epoch = view.until > now ? view.epoch : election.epoch();
  route.known_until = view.until;
  route.primary = view.until > now ? view.primary : kNoRegion;
  if (election.holds_lease(now)) route.serve_until = election.lease_end() - serve_margin(topology);
  route.draining = member.draining() || election.role() == Election::Role::releasing;
  route.quorum = election.quorum_reachable(now);
  for (std::uint16_t i = 0; i < topology.gateways.size(); ++i) {
    const bool down = member.links().state(GatewayId{i}, now) == LinkState::down;
    if (down && GatewayId{i} != self) route.lost.push_back(GatewayId{i});
  }
  if (route.primary == kNoRegion) return route;
  for (GatewayId gateway : topology.region(route.primary).gateways) {
    const LinkState state = gateway == self ? LinkState::down : member.links().state(gateway, now);
    if (state != LinkState::down) route.forward_to.push_back(gateway);
  }
  const auto serving = [&](GatewayId gateway) {
    const Heartbeat* last = member.links().last(gateway);
    return last != nullptr && last->serving && !last->draining && last->epoch == route.epoch;
  };
  std::stable_partition(route.forward_to.begin(), route.forward_to.end(), serving);
  return route;
}

GatewayStatus make_status(const Topology& topology, GatewayId self, const Member& member,
                          Instant started, Instant now) {
  const Election& election = member.election();
  const PrimaryView view = election.view();
  GatewayStatus status;
  status.cluster = topology.cluster;
  status.region = topology.region_name(topology.gateway(self).region);
  status.gateway = topology.gateway(self).name;
  status.taken = now;
  status.role = role_of(member, now);
  const bool known = view.until > now;
  status.epoch = known ? view.epoch.value : election.epoch().value;
  status.primary = known ? topology.region_name(view.primary) : "";
  status.serving = election.holds_lease(now);
  status.lease_end = view.until;
  status.pause = member.pause().pause;
  status.stopping = member.leaving();
  status.quorum = quorum_of(topology, member, started, now);
  status.links = links_of(topology, self, member, now);
  status.topology_version = topology.version;
  status.topology_hash = topology.hash;
  status.quorum_hash = topology.quorum_hash;
  for (const Service& service : topology.services) {
    auto& of = status.primary_gateways.emplace_back();
    of.service = service.name;
    if (!known || view.primary == kNoRegion) continue;
    for (GatewayId gateway : topology.region(view.primary).gateways) {
      of.gateways.push_back(Address{topology.gateway(gateway).host, service.port}.text());
    }
  }
  return status;
}

}  // namespace regent
