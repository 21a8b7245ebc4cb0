#include <Poco/JSON/Array.h>

#include "gateway/cli/topology_report.h"
#include "gateway/json.h"
#include "gateway/quorum_status.h"
#include "topology/analysis.h"

namespace regent::cli {
namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;

Object::Ptr loss_json(const FatalLoss& loss) {
  Object::Ptr item = ordered_object();
  item->set("name", loss.name);
  item->set("quorum_lost", loss.quorum_lost);
  return item;
}

Array::Ptr losses_json(const std::vector<FatalLoss>& losses) {
  Array::Ptr out = new Array;
  for (const FatalLoss& loss : losses) out->add(loss_json(loss));
  return out;
}

Object::Ptr survives_json(const CheckReport& report) {
  const Survival& survival = report.survival;
  const Losses& losses = survival.losses;
  Object::Ptr out = ordered_object();
  out->set("any_regions", losses.fatal_regions() - 1);
  out->set("any_nodes", losses.fatal_nodes() - 1);
  out->set("one_node_in_each_region", !survival.one_in_each);
  return out;
}

Object::Ptr smallest_json(const Survival& survival) {
  const auto both = [](const NamedSets& regions, const NamedSets& nodes) {
    Object::Ptr out = ordered_object();
    out->set("regions", sets_json(regions));
    out->set("nodes", sets_json(nodes));
    return out;
  };
  Object::Ptr out = ordered_object();
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
    Object::Ptr item = ordered_object();
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
  Object::Ptr fatal = ordered_object();
  fatal->set("regions", losses_json(survival.regions));
  fatal->set("pairs_of_regions", losses_json(survival.pairs));
  fatal->set("zones", losses_json(survival.zones));
  fatal->set("nodes", losses_json(survival.nodes));
  if (survival.one_in_each) fatal->set("one_in_each_region", loss_json(*survival.one_in_each));
  return fatal;
}

Array::Ptr voices_json(const std::vector<Voice>& voices) {
  Array::Ptr out = new Array;
  for (const Voice& voice : voices) {
    Object::Ptr item = ordered_object();
    item->set("name", voice.name);
    item->set("weight", voice.weight);
    item->set("power", voice.power);
    item->set("index", voice.index);
    out->add(item);
  }
  return out;
}

Object::Ptr power_json(const Power& power) {
  Object::Ptr out = ordered_object();
  out->set("method", power.exact ? "exact" : "sampling");
  out->set("exact", power.exact);
  out->set("regions", voices_json(power.regions));
  out->set("nodes", voices_json(power.nodes));
  return out;
}

// Shares of the time without a primary, and the minutes of a year that the best guess is.
Object::Ptr unavailability_json(const Unavailability& down) {
  using Method = Unavailability::Method;
  Object::Ptr out = ordered_object();
  out->set("method", down.method == Method::exact    ? "exact"
                     : down.method == Method::bounds ? "bounds"
                                                     : "sampling");
  out->set("exact", down.exact());
  out->set("least", down.least);
  out->set("most", down.most);
  if (down.method == Method::sampling) {
    out->set("likely_least", down.likely_least);
    out->set("likely_most", down.likely_most);
  }
  out->set("minutes_per_year", down.guess * kMinutesPerYear);
  return out;
}

Object::Ptr availability_json(const CheckReport& report) {
  Object::Ptr assumed = ordered_object();
  assumed->set("region", report.failures.region);
  assumed->set("node", report.failures.node);
  assumed->set("link", report.failures.link);
  Object::Ptr exceptions = ordered_object();
  for (const auto& [part, share] : report.failures.exceptions(report.topology())) {
    exceptions->set(part, share);
  }
  Object::Ptr out = ordered_object();
  out->set("failures", assumed);
  out->set("failure_exceptions", exceptions);
  out->set("without_primary", unavailability_json(report.unavailability));
  out->set("without_primary_plain_majority", unavailability_json(report.as_plain_majority));
  return out;
}

double in_ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

Object::Ptr failover_json(const Topology& topology, const FailoverTime& failover) {
  const bool follows = failover.successor != kNoRegion;
  Object::Ptr out = ordered_object();
  out->set("lost", topology.region_name(failover.lost));
  out->set("successor", follows ? Poco::Dynamic::Var(topology.region_name(failover.successor))
                                : Poco::Dynamic::Var());
  if (!follows) return out;
  out->set("least_ms", in_ms(failover.least));
  out->set("typical_ms", in_ms(failover.typical));
  out->set("most_ms", in_ms(failover.most));
  return out;
}

Object::Ptr timing_json(const CheckReport& report) {
  const TimingAdvice& advice = report.timing;
  Array::Ptr failovers = new Array;
  for (const FailoverTime& failover : advice.failovers) {
    failovers->add(failover_json(report.topology(), failover));
  }
  Array::Ptr problems = new Array;
  for (const TimingProblem& problem : advice.problems) {
    Object::Ptr item = ordered_object();
    item->set("path", problem.path);
    item->set("text", problem.text);
    item->set("mend", problem.mend);
    problems->add(item);
  }
  Object::Ptr better = ordered_object();
  better->set("lease_ms", in_ms(advice.better.lease));
  better->set("heartbeat_ms", in_ms(advice.better.heartbeat));
  better->set("election_window_ms", in_ms(advice.better.election_window));
  Object::Ptr out = ordered_object();
  out->set("round_trips_given", report.round_trips_given);
  out->set("longest_round_trip_ms", in_ms(advice.longest));
  out->set("longest_to_win_ms", in_ms(advice.longest_to_win));
  out->set("failovers", failovers);
  out->set("problems", problems);
  if (report.round_trips_given) out->set("better", better);
  return out;
}

}  // namespace

// "examples" are all of them when there are "count".
Object::Ptr sets_json(const NamedSets& sets) {
  Array::Ptr examples = new Array;
  for (const std::vector<std::string>& set : sets.examples) examples->add(strings_json(set));
  Object::Ptr out = ordered_object();
  out->set("size", sets.size);
  out->set("count", sets.count ? Poco::Dynamic::Var(*sets.count) : Poco::Dynamic::Var());
  out->set("examples", examples);
  return out;
}

Array::Ptr findings_json(const std::vector<Finding>& findings) {
  Array::Ptr out = new Array;
  for (const Finding& finding : findings) {
    Object::Ptr item = ordered_object();
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
  Object::Ptr out = ordered_object();
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
  out->set("power", power_json(report.power));
  out->set("availability", availability_json(report));
  out->set("timing", timing_json(report));
  out->set("findings", flaws_json(report.flaws));
  out->set("warnings", findings_json(report.loaded.warnings));
  return out;
}

}  // namespace regent::cli
