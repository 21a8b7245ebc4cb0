#include "gateway/drill/fault_rules.h"

#include <algorithm>
#include <set>

#include "gateway/quorum_status.h"
#include "topology/analysis.h"

namespace regent {
namespace {

std::string link_name(const LinkStatus& link) {
  return link.region + "." + link.gateway;
}

std::set<std::string> cut_regions(const FaultOrder& order) {
  std::set<std::string> cut(order.drop_to.begin(), order.drop_to.end());
  cut.insert(order.drop_from.begin(), order.drop_from.end());
  return cut;
}

bool takes_process(const FaultOrder& order, const std::string& region, const std::string& name) {
  const std::string process = region + "/" + name;
  return std::ranges::count(order.stop, process) + std::ranges::count(order.pause, process) > 0;
}

// Regions that lose all their gateways: nobody asks their nodes any more.
std::set<std::string> without_gateways(const Topology& topology, const FaultOrder& order) {
  std::set<std::string> mute;
  for (const TopologyRegion& region : topology.regions) {
    const bool all = std::ranges::all_of(region.gateways, [&](GatewayId gateway) {
      return takes_process(order, region.name, topology.gateway(gateway).name);
    });
    if (all) mute.insert(region.name);
  }
  return mute;
}

// Whether a gateway loses all other regions by it.
bool cuts_itself_off(const Topology& topology, const FaultOrder& order) {
  return cut_regions(order).size() + 1 >= topology.regions.size();
}

// The quorum of those regions' nodes that answer now.
QuorumStatus quorum_without(const Topology& topology, const GatewayStatus& status,
                            const FaultOrder& order, const std::set<std::string>& cut) {
  const auto taken = [&](const std::string& region, const std::string& node) {
    return takes_process(order, region, node) ||
           (region == status.region && std::ranges::count(order.drop_nodes, node) > 0);
  };
  std::vector<NodeId> down;
  for (std::size_t r = 0; r < topology.regions.size(); ++r) {
    const TopologyRegion& region = topology.regions[r];
    const RegionStatus& shown = status.quorum.regions.at(r);
    for (std::size_t n = 0; n < region.nodes.size(); ++n) {
      const NodeStatus& node = shown.nodes.at(n);
      const bool lost = !node.reachable || taken(region.name, node.name);
      if (lost || cut.count(region.name) > 0) down.push_back(region.nodes[n]);
    }
  }
  return describe_quorum(topology, ballot_without(topology, down), {});
}

// A region outside of `cut`, other than the primary, that is ready to take over.
std::string spare_outside(const FaultScene& scene, const std::set<std::string>& cut) {
  const GatewayStatus& status = scene.status;
  const auto spare = [&](const std::string& region) {
    return region != status.primary && cut.count(region) == 0;
  };
  for (const LinkStatus& link : status.links) {
    if (link.eligible && spare(link.region)) return link.region;
  }
  return scene.self_eligible && spare(status.region) ? status.region : "";
}

Remainder side_without(const Topology& topology, const FaultOrder& order, const FaultScene& scene,
                       std::set<std::string> cut) {
  cut.merge(without_gateways(topology, order));
  const QuorumStatus quorum = quorum_without(topology, scene.status, order, cut);
  Remainder side;
  side.quorum = quorum.outcome == Outcome::won;
  side.margin = quorum.margin;
  side.spare = spare_outside(scene, cut);
  side.with_self = cut.count(scene.status.region) == 0;
  return side;
}

std::optional<std::string> incident(const GatewayStatus& status, Instant now) {
  if (!status.knows_primary_at(now)) return "no primary is known";
  if (status.pause.paused) return "automatic failover is paused";
  if (status.stopping) return "this gateway is about to end";
  for (const RegionStatus& region : status.quorum.regions) {
    for (const NodeStatus& node : region.nodes) {
      if (!node.reachable) return "node " + region.name + "/" + node.name + " does not answer";
    }
  }
  for (const LinkStatus& link : status.links) {
    if (link.state != "up" && link.state != "slow") {
      return "the link to " + link_name(link) + " is " + link.state;
    }
  }
  return std::nullopt;
}

// Who else is at it.
std::optional<std::string> other_drill(const FaultOrder& order, const FaultScene& scene) {
  const FaultsStatus& own = scene.running;
  if (own.running && own.order.drill != order.drill) {
    return "drill " + own.order.drill + " runs here";
  }
  for (const LinkStatus& link : scene.status.links) {
    if (!link.drill.empty() && link.drill != order.drill) {
      return "drill " + link.drill + " runs at " + link_name(link);
    }
  }
  return std::nullopt;
}

// Here, or at a gateway that was heard of lately.
bool goes_on(const FaultOrder& order, const FaultScene& scene) {
  return scene.running.running ||
         std::ranges::any_of(scene.status.links,
                             [&](const LinkStatus& link) { return link.drill == order.drill; });
}

std::string limit_text() {
  return std::to_string(std::chrono::duration_cast<std::chrono::minutes>(kLongestFaults).count()) +
         " minutes";
}

std::optional<std::string> why_not_continued(const FaultOrder& order, const FaultsStatus& here) {
  if (!order.continues || (here.running && here.order.drill == order.drill)) return std::nullopt;
  return here.last_end.empty() ? "it does not run at this gateway" : here.last_end;
}

std::optional<FaultRefusal> judge_remainder(const Topology& topology, const FaultOrder& order,
                                            const FaultScene& scene) {
  const Remainder left = remainder_of(topology, order, scene);
  if (!left.quorum) {
    return FaultRefusal{"spare_region", "no side would be left with a quorum"};
  }
  if (left.spare.empty()) {
    return FaultRefusal{"spare_region",
                        "no spare region would be left: besides the primary, none that is ready to "
                        "take over stays connected to the quorum"};
  }
  const auto minimum = order.min_margin;
  if (minimum && left.margin < static_cast<std::int64_t>(*minimum)) {
    return FaultRefusal{"margin", "the quorum would have " + std::to_string(left.margin) +
                                      " to spare, and the drill wants at least " +
                                      std::to_string(*minimum)};
  }
  if (minimum && !left.with_self) {
    return FaultRefusal{"margin",
                        "this gateway would be cut off from the quorum and could not watch its "
                        "margin; cut at the gateways of the other side"};
  }
  return std::nullopt;
}

}  // namespace

Remainder remainder_of(const Topology& topology, const FaultOrder& order, const FaultScene& scene) {
  const std::set<std::string> cut = cut_regions(order);
  Remainder near = side_without(topology, order, scene, cut);
  if ((near.quorum && !near.spare.empty()) || !cuts_itself_off(topology, order)) return near;
  // All others stay together without this region.
  Remainder far = side_without(topology, order, scene, {scene.status.region});
  return far.quorum && !far.spare.empty() ? far : near;
}

std::optional<FaultRefusal> judge_faults(const Topology& topology, const FaultSettings& settings,
                                         const FaultOrder& order, const FaultScene& scene) {
  if (order.length > kLongestFaults) {
    return FaultRefusal{"length", "faults last " + limit_text() + " at most"};
  }
  if (settings.window && !settings.window->open_at(scene.wall_now)) {
    return FaultRefusal{"window", "faults are allowed " + settings.window->text() + " only"};
  }
  if (!scene.aborted.empty()) {
    return FaultRefusal{"aborted", "drill " + order.drill + " is over: " + scene.aborted};
  }
  if (const auto why = why_not_continued(order, scene.running)) {
    return FaultRefusal{"ended", "drill " + order.drill + " is over: " + *why};
  }
  if (const auto other = other_drill(order, scene)) return FaultRefusal{"drill_running", *other};
  if (!goes_on(order, scene)) {
    if (const auto wrong = incident(scene.status, scene.now)) {
      return FaultRefusal{"incident", "this is no time for a drill: " + *wrong};
    }
  }
  return judge_remainder(topology, order, scene);
}

}  // namespace regent
