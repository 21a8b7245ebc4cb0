#include "gateway/drill/drill_plan.h"

#include <algorithm>

#include "gateway/drill/process_faults.h"
#include "gateway/quorum_status.h"
#include "topology/analysis.h"

namespace regent {
namespace {

using Kind = DrillStep::Kind;

struct Roles {
  std::string primary;
  std::string standby;  // "": there is none
  std::string other;
};

Roles roles_of(const Topology& topology, RegionId primary) {
  Roles roles;
  roles.primary = topology.region_name(primary);
  for (const RegionId region : standing_order(topology)) {
    if (region == primary) continue;
    roles.standby = topology.region_name(region);
    break;
  }
  for (const TopologyRegion& region : topology.regions) {
    if (region.name == roles.primary || region.name == roles.standby) continue;
    roles.other = region.name;
    break;
  }
  return roles;
}

bool plays_a_part(const std::string& name) {
  return name == "$primary" || name == "$standby" || name == "$other";
}

Status bind(std::string& name, const Roles& roles) {
  if (!plays_a_part(name)) return Done{};
  const std::string& region = name == "$primary"   ? roles.primary
                              : name == "$standby" ? roles.standby
                                                   : roles.other;
  if (region.empty()) {
    return Error{ErrorCode::invalid, "this topology has no region for " + name};
  }
  name = region;
  return Done{};
}

bool names_gateway(const DrillStep& step) {
  return step.kind == Kind::stop_gateway || step.kind == Kind::pause_gateway;
}

// What a step asks that the topology's regions cannot do; "": nothing.
std::string impossible(const DrillStep& step, const Topology& topology) {
  const auto id = topology.find_region(step.region);
  if (!id) return "";
  const TopologyRegion& region = topology.region(*id);
  const bool named = !step.process.empty() && step.process != "$first";
  if (named && names_gateway(step) && !topology.find_gateway(*id, step.process)) {
    return "region " + step.region + " has no gateway '" + step.process + "'";
  }
  if (named && !names_gateway(step) && !topology.find_node(*id, step.process)) {
    return "region " + step.region + " has no node '" + step.process + "'";
  }
  if (step.kind == Kind::lose_redis && !region.redis) {
    return "region " + step.region + " has no Redis";
  }
  const bool to_lead =
      step.kind == Kind::switchover || (step.kind == Kind::await_primary && !step.negated);
  if (to_lead && !region.may_be_primary()) {
    return "region " + step.region + " can never be primary";
  }
  if (!step.other.empty() && step.region == step.other) return "both ends are " + step.region;
  return "";
}

void check_name(const std::string& name, const std::string& path, const Topology& topology,
                Findings& findings) {
  if (name.empty() || plays_a_part(name) || topology.find_region(name)) return;
  findings.error(path, "there is no region '" + printable(name) +
                           "'; name one of the topology, or $primary, $standby or $other");
}

void add_once(std::vector<std::string>& list, const std::string& name) {
  if (std::ranges::count(list, name) == 0) list.push_back(name);
}

}  // namespace

Result<Drill> bind_drill(Drill drill, const Topology& topology, RegionId primary) {
  const Roles roles = roles_of(topology, primary);
  for (DrillStep& step : drill.steps) {
    for (std::string* name : {&step.region, &step.other}) {
      if (const Status bound = bind(*name, roles); !bound.ok()) {
        return Error{ErrorCode::invalid, step.path + ": " + bound.error().message};
      }
    }
    if (step.process == "$first") {
      const TopologyRegion& region = topology.region(*topology.find_region(step.region));
      step.process = names_gateway(step) ? topology.gateway(region.gateways.front()).name
                                         : topology.node(region.nodes.front()).name;
    }
    if (const std::string problem = impossible(step, topology); !problem.empty()) {
      return Error{ErrorCode::invalid, step.path + ": " + problem};
    }
  }
  return drill;
}

void DrillPlan::add(RegionId of, std::vector<std::string> FaultOrder::*list,
                    const std::string& name, std::vector<GatewayId>& changed) {
  for (const GatewayId gateway : topology_.region(of).gateways) {
    if (is_down(gateway)) continue;
    add_once(orders_[gateway].*list, name);
    if (std::ranges::count(changed, gateway) == 0) changed.push_back(gateway);
  }
}

std::vector<GatewayId> DrillPlan::stopped_by(const DrillStep& step) const {
  std::vector<GatewayId> stopped;
  if (!step.stops()) return stopped;
  for (const std::string& name : processes_of(step, topology_)) {
    const auto process = find_process(topology_, name);
    if (const auto* gateway = std::get_if<GatewayId>(&*process)) stopped.push_back(*gateway);
  }
  return stopped;
}

void DrillPlan::take_processes(const DrillStep& step, std::vector<GatewayId>& changed) {
  const std::vector<std::string> names = processes_of(step, topology_);
  for (const std::string& name : names) {
    const auto process = find_process(topology_, name);
    if (const auto* gateway = std::get_if<GatewayId>(&*process)) {
      down_.insert(*gateway);
    } else {
      lost_.insert(std::get<NodeId>(*process));
    }
  }
  for (const GatewayId gateway : stopped_by(step)) orders_.erase(gateway);
  for (std::uint16_t i = 0; i < topology_.gateways.size(); ++i) {
    if (is_down(GatewayId{i})) continue;
    FaultOrder& order = orders_[GatewayId{i}];
    for (const std::string& name : names) {
      add_once(step.stops() ? order.stop : order.pause, name);
    }
    changed.push_back(GatewayId{i});
  }
}

std::vector<GatewayId> DrillPlan::take(const DrillStep& step) {
  std::vector<GatewayId> changed;
  const auto id = [this](const std::string& name) { return *topology_.find_region(name); };
  switch (step.kind) {
    case Kind::isolate:
      isolated_.insert(id(step.region));
      for (std::uint16_t i = 0; i < topology_.regions.size(); ++i) {
        if (RegionId{i} == id(step.region)) continue;
        add(RegionId{i}, &FaultOrder::drop_to, step.region, changed);
        add(RegionId{i}, &FaultOrder::drop_from, step.region, changed);
      }
      break;
    case Kind::cut:
      add(id(step.region), &FaultOrder::drop_to, step.other, changed);
      if (step.both) add(id(step.region), &FaultOrder::drop_from, step.other, changed);
      break;
    case Kind::delay:
      add(id(step.region), &FaultOrder::delay_to, step.other, changed);
      for (const GatewayId gateway : changed) orders_[gateway].delay = step.span;
      break;
    case Kind::lose_node:
      lost_.insert(*topology_.find_node(id(step.region), step.process));
      add(id(step.region), &FaultOrder::drop_nodes, step.process, changed);
      break;
    case Kind::lose_redis:
      for (const GatewayId gateway : topology_.region(id(step.region)).gateways) {
        if (is_down(gateway)) continue;
        orders_[gateway].drop_redis = true;
        changed.push_back(gateway);
      }
      break;
    case Kind::stop_gateway:
    case Kind::stop_node:
    case Kind::stop_gateways:
    case Kind::pause_gateway:
    case Kind::pause_node:
    case Kind::pause_gateways:
      take_processes(step, changed);
      break;
    case Kind::heal:
      for (const auto& [gateway, order] : orders_) changed.push_back(gateway);
      std::ranges::stable_partition(changed, [this](GatewayId each) { return !is_down(each); });
      orders_.clear();
      isolated_.clear();
      down_.clear();
      lost_.clear();
      break;
    case Kind::switchover:
    case Kind::wait:
    case Kind::await_primary:
      break;
  }
  return changed;
}

bool DrillPlan::quorum_of(const std::set<RegionId>& together) const {
  std::vector<NodeId> down;
  for (std::uint32_t i = 0; i < topology_.nodes.size(); ++i) {
    const NodeId node{i};
    const RegionId region = topology_.node(node).region;
    const bool mute = std::ranges::all_of(topology_.region(region).gateways,
                                          [this](GatewayId id) { return is_down(id); });
    if (mute || lost_.contains(node) || !together.contains(region)) down.push_back(node);
  }
  return describe_quorum(topology_, ballot_without(topology_, down), {}).outcome == Outcome::won;
}

bool DrillPlan::leaves_quorum() const {
  std::set<RegionId> rest;
  for (std::uint16_t i = 0; i < topology_.regions.size(); ++i) {
    if (!isolated_.contains(RegionId{i})) rest.insert(RegionId{i});
  }
  return quorum_of(rest) ||
         std::ranges::any_of(isolated_, [this](RegionId alone) { return quorum_of({alone}); });
}

std::vector<std::string> processes_of(const DrillStep& step, const Topology& topology) {
  if (!step.takes_processes()) return {};
  if (!step.process.empty()) return {step.region + "/" + step.process};
  std::vector<std::string> names;
  for (const GatewayId gateway : topology.region(*topology.find_region(step.region)).gateways) {
    names.push_back(step.region + "/" + topology.gateway(gateway).name);
  }
  return names;
}

FaultOrder DrillPlan::order(GatewayId gateway) const {
  const auto found = orders_.find(gateway);
  return found == orders_.end() ? FaultOrder{} : found->second;
}

void check_drill_names(const Drill& drill, const Topology& topology, Findings& findings) {
  for (const DrillStep& step : drill.steps) {
    check_name(step.region, step.path, topology, findings);
    check_name(step.other, step.path, topology, findings);
    if (const std::string problem = impossible(step, topology); !problem.empty()) {
      findings.error(step.path, problem);
    }
  }
}

GatewayStatus healthy_status(const Topology& topology, GatewayId self, RegionId primary,
                             Instant now) {
  GatewayStatus status;
  status.region = topology.region_name(topology.gateway(self).region);
  status.gateway = topology.gateway(self).name;
  status.primary = topology.region_name(primary);
  status.lease_end = now + topology.timing.lease;
  std::vector<NodeStatus> nodes(topology.nodes.size());
  for (NodeStatus& node : nodes) node.reachable = true;
  status.quorum = describe_quorum(topology, ballot_without(topology, {}), std::move(nodes));
  for (std::uint16_t i = 0; i < topology.gateways.size(); ++i) {
    if (GatewayId{i} == self) continue;
    const TopologyRegion& region = topology.region(topology.gateways[i].region);
    LinkStatus link;
    link.region = region.name;
    link.gateway = topology.gateways[i].name;
    link.state = "up";
    link.eligible = region.may_be_primary();
    status.links.push_back(link);
  }
  return status;
}

std::vector<std::string> unsafe_steps(const Drill& bound, const Topology& topology,
                                      RegionId primary) {
  std::vector<std::string> problems;
  const Instant now{std::chrono::hours(1)};
  DrillPlan plan(topology);
  for (const DrillStep& step : bound.steps) {
    if (step.kind == Kind::switchover) primary = *topology.find_region(step.region);
    const std::vector<GatewayId> changed = plan.take(step);
    if (step.breaks() && (changed.empty() || !plan.leaves_quorum())) {
      problems.push_back(step.path + ": " + step_text(step) +
                         ": no side would be left with a quorum (rule spare_region)");
      continue;
    }
    for (const GatewayId gateway : changed) {
      FaultOrder order = plan.order(gateway);
      if (!order.breaks_anything()) continue;
      order.drill = bound.name;
      order.min_margin = bound.min_margin;
      order.abort = bound.abort;
      const GatewayStatus status = healthy_status(topology, gateway, primary, now);
      const bool eligible = topology.region(topology.gateway(gateway).region).may_be_primary();
      const FaultScene scene{status, {}, {}, eligible, now, {}};
      if (const auto refusal = judge_faults(topology, {true, {}}, order, scene)) {
        problems.push_back(step.path + ": " + step_text(step) + ": " + refusal->message +
                           " (rule " + refusal->rule + ")");
        break;
      }
    }
  }
  return problems;
}

}  // namespace regent
