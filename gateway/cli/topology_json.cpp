#include <Poco/JSON/Array.h>

#include "gateway/cli/topology_report.h"
#include "gateway/quorum_status.h"
#include "topology/analysis.h"

namespace regent::cli {
namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;

Object::Ptr new_object() {
  return new Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

Object::Ptr loss_json(const FatalLoss& loss) {
  Object::Ptr item = new_object();
  item->set("name", loss.name);
  item->set("quorum_lost", loss.quorum_lost);
  return item;
}

Array::Ptr losses_json(const std::vector<FatalLoss>& losses) {
  Array::Ptr out = new Array;
  for (const FatalLoss& loss : losses) out->add(loss_json(loss));
  return out;
}

// "examples" are all of them when there are "count".
Object::Ptr sets_json(const NamedSets& sets) {
  Array::Ptr examples = new Array;
  for (const std::vector<std::string>& set : sets.examples) {
    Array::Ptr names = new Array;
    for (const std::string& name : set) names->add(name);
    examples->add(names);
  }
  Object::Ptr out = new_object();
  out->set("size", sets.size);
  out->set("count", sets.count ? Poco::Dynamic::Var(*sets.count) : Poco::Dynamic::Var());
  out->set("examples", examples);
  return out;
}

Object::Ptr survives_json(const CheckReport& report) {
  const Survival& survival = report.survival;
  const Losses& losses = survival.losses;
  Object::Ptr out = new_object();
  out->set("any_regions", losses.fatal_regions() - 1);
  out->set("any_nodes", losses.fatal_nodes() - 1);
  out->set("one_node_in_each_region", !survival.one_in_each);
  return out;
}

Object::Ptr smallest_json(const Survival& survival) {
  const auto both = [](const NamedSets& regions, const NamedSets& nodes) {
    Object::Ptr out = new_object();
    out->set("regions", sets_json(regions));
    out->set("nodes", sets_json(nodes));
    return out;
  };
  Object::Ptr out = new_object();
  out->set("stop_decisions", both(survival.losses.regions, survival.losses.nodes));
  out->set("leave_nobody_to_lead",
           both(survival.losses.leading_regions, survival.losses.leading_nodes));
  out->set("decide_alone", both(survival.winning_regions.value_or(NamedSets{}),
                                survival.winning_nodes.value_or(NamedSets{})));
  return out;
}

Array::Ptr flaws_json(const std::vector<Flaw>& flaws) {
  Array::Ptr out = new Array;
  for (const Flaw& flaw : flaws) {
    Object::Ptr item = new_object();
    item->set("kind", std::string(flaw_name(flaw.kind)));
    item->set("path", flaw.path);
    item->set("name", flaw.name);
    item->set("text", flaw.text);
    item->set("mend", flaw.mend);
    out->add(item);
  }
  return out;
}

Object::Ptr fatal_json(const Survival& survival) {
  Object::Ptr fatal = new_object();
  fatal->set("regions", losses_json(survival.regions));
  fatal->set("pairs_of_regions", losses_json(survival.pairs));
  fatal->set("zones", losses_json(survival.zones));
  fatal->set("nodes", losses_json(survival.nodes));
  if (survival.one_in_each) fatal->set("one_in_each_region", loss_json(*survival.one_in_each));
  return fatal;
}

}  // namespace

Array::Ptr findings_json(const std::vector<Finding>& findings) {
  Array::Ptr out = new Array;
  for (const Finding& finding : findings) {
    Object::Ptr item = new_object();
    item->set("line", finding.line);
    item->set("column", finding.column);
    item->set("path", finding.path);
    item->set("text", finding.text);
    out->add(item);
  }
  return out;
}

Object::Ptr check_json(const CheckReport& report) {
  const Topology& topology = report.topology();
  const Survival& survival = report.survival;
  Array::Ptr order = new Array;
  for (const RegionId id : standing_order(topology)) order->add(topology.region_name(id));
  std::vector<NodeStatus> up(topology.nodes.size());
  for (NodeStatus& node : up) node.reachable = true;
  Object::Ptr out = new_object();
  out->set("valid", true);
  out->set("cluster", topology.cluster);
  out->set("version", topology.version);
  out->set("hash", topology.hash);
  out->set("quorum_hash", topology.quorum_hash);
  out->set("kind", std::string(kind_name(topology.kind)));
  out->set("quorum",
           quorum_json(describe_quorum(topology, ballot_without(topology, {}), std::move(up))));
  out->set("may_be_primary", order);
  out->set("survives_any_region", survival.regions.empty());
  out->set("survives_any_zone", survival.zones.empty());
  out->set("survives_any_node", survival.nodes.empty());
  out->set("survives", survives_json(report));
  out->set("fatal_losses", fatal_json(survival));
  out->set("smallest_sets", smallest_json(survival));
  out->set("findings", flaws_json(report.flaws));
  out->set("warnings", findings_json(report.loaded.warnings));
  return out;
}

}  // namespace regent::cli
