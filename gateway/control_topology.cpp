#include <algorithm>

#include "gateway/control.h"
#include "region/log.h"

// The topology that this gateway runs, as far as it can change, and what is said about those that
// other processes run.
namespace regent {

bool Control::adopt(std::shared_ptr<const Topology> topology) {
  CHECK(topology->quorum_hash == first_->quorum_hash);
  return loop_.post([this, next = std::move(topology)] {
    current_ = next;
    member_.show_topology(current_->version, current_->hash);
    take_backends();
  });
}

// By name: the data plane may be ahead of us, or behind.
void Control::take_backends() {
  if (!outputs_.backends) return;
  const std::vector<ServiceStatus> shown = outputs_.backends();
  std::vector<std::uint32_t> healthy;
  for (const Service& service : current_->services) {
    const auto about = std::find_if(shown.begin(), shown.end(), [&](const ServiceStatus& status) {
      return status.name == service.name;
    });
    healthy.push_back(about == shown.end() ? 0 : about->healthy);
  }
  member_.set_backends(backend_facts(*current_, healthy));
}

Control::Likeness Control::likeness_of(GatewayId gateway) const {
  if (!member_.links().quorum_match(gateway)) return Likeness::foreign;
  return member_.topology_match(gateway) ? Likeness::same : Likeness::other_services;
}

void Control::report_topologies() {
  for (std::uint16_t i = 0; i < gateway_likeness_.size(); ++i) {
    const Likeness likeness = likeness_of(GatewayId{i});
    if (likeness == gateway_likeness_[i]) continue;
    gateway_likeness_[i] = likeness;
    const TopologyGateway& peer = topology_.gateways[i];
    const Heartbeat& last = *member_.links().last(GatewayId{i});
    log_topology(topology_.region_name(peer.region) + "/" + peer.name, likeness,
                 "version " + std::to_string(last.topology_version) + ", " + last.topology_hash);
  }
  for (std::uint32_t i = 0; i < node_matches_.size(); ++i) {
    const bool match = member_.node_matches(NodeId{i});
    if (match == node_matches_[i]) continue;
    node_matches_[i] = match;
    const TopologyNode& node = topology_.nodes[i];
    log_topology(topology_.region_name(node.region) + "/" + node.name,
                 match ? Likeness::same : Likeness::foreign, "see its own log");
  }
}

void Control::log_topology(const std::string& peer, Likeness likeness,
                           const std::string& theirs) const {
  const auto [level, text] = [&]() -> std::pair<LogLevel, const char*> {
    switch (likeness) {
      case Likeness::same:
        return {LogLevel::info, "process runs our topology again"};
      case Likeness::other_services:
        return {LogLevel::warning,
                "process runs other services or limits in its topology: its votes count"};
      case Likeness::foreign:
        break;
    }
    return {LogLevel::error, "process runs another topology: its votes do not count"};
  }();
  log_event(level, text,
            {{"process", peer},
             {"theirs", theirs},
             {"ours", "version " + std::to_string(current_->version) + ", " + current_->hash}});
}

}  // namespace regent
