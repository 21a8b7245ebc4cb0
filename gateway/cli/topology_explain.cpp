#include "gateway/cli/topology_report.h"
#include "gateway/json.h"
#include "gateway/quorum_status.h"
#include "topology/analysis.h"

namespace regent::cli {
namespace {

using Poco::JSON::Object;

constexpr std::size_t kNameWidth = 28;
constexpr std::size_t kBarWidth = 10;

// "won: 3 of 4, 3 needed", or of a node whether it is up.
std::string sums(const Explanation& item) {
  if (item.leaf != kNoNode) return item.outcome == Outcome::won ? "up" : "down";
  return std::string(outcome_name(item.outcome)) + ": " + std::to_string(item.weight) + " of " +
         std::to_string(item.total) + ", " + std::to_string(item.needed) + " needed";
}

void add_sums(const Explanation& item, std::size_t depth, std::string& out) {
  std::string line = column(std::string(2 * depth + 2, ' ') + item.name, kNameWidth);
  line += column(depth == 0 ? "" : "weight " + std::to_string(item.own_weight), 16);
  std::string done = bar(item.weight, item.total, kBarWidth);
  done.resize(kBarWidth, item.total > 0 ? '.' : ' ');
  line += column(item.leaf == kNoNode ? done : "", kBarWidth + 2) + sums(item);
  out += line + "\n";
  for (const Explanation& child : item.children) add_sums(child, depth + 1, out);
}

// Why a region that may be primary is not, or is.
std::string standing_text(const Topology& topology, const Turnout& turnout) {
  std::string out;
  const RegionId primary = primary_without(topology, turnout);
  if (primary != kNoRegion) {
    out = topology.region_name(primary) + " (priority " +
          std::to_string(topology.region(primary).priority) + ")";
  } else {
    out = turnout.quorum() ? "nobody: no region that may be primary has enough of its own nodes"
                           : "nobody: there is no quorum";
  }
  for (const RegionId id : standing_order(topology)) {
    if (id == primary) break;
    if (turnout.may_lead(id)) continue;
    const Explanation own = turnout.own(id);
    out += "; " + topology.region_name(id) + " cannot: it has " + std::to_string(own.weight) +
           " of its own " + std::to_string(own.total) + ", " + std::to_string(own.needed) +
           " needed";
  }
  return out;
}

std::string more_text(const Losses& losses) {
  if (losses.fatal_nodes() == 0) return "";
  const std::size_t any = losses.fatal_nodes() - 1;
  std::string out = "\nWhat more may be lost\n";
  out += titled("anywhere", any == 0 ? "not every single node"
                                     : "any " + std::to_string(any) +
                                           (any == 1 ? " node" : " nodes"));
  const bool quorum_first = losses.regions.size <= losses.leading_regions.size;
  out += titled("it ends without",
                sets_text(quorum_first ? losses.regions : losses.leading_regions, "region"));
  const bool nodes_first = losses.nodes.size <= losses.leading_nodes.size;
  return out + titled("or without",
                      sets_text(nodes_first ? losses.nodes : losses.leading_nodes, "node"));
}

Object::Ptr may_lose_json(const Losses& losses) {
  const auto less = [](std::size_t fatal) { return fatal == 0 ? 0 : fatal - 1; };
  Object::Ptr stop = ordered_object();
  stop->set("regions", sets_json(losses.regions));
  stop->set("nodes", sets_json(losses.nodes));
  Object::Ptr leaders = ordered_object();
  leaders->set("regions", sets_json(losses.leading_regions));
  leaders->set("nodes", sets_json(losses.leading_nodes));
  Object::Ptr out = ordered_object();
  out->set("any_regions", less(losses.fatal_regions()));
  out->set("any_nodes", less(losses.fatal_nodes()));
  out->set("stop_decisions", stop);
  out->set("leave_nobody_to_lead", leaders);
  return out;
}

}  // namespace

RegionId primary_without(const Topology& topology, const Turnout& turnout) {
  if (!turnout.quorum()) return kNoRegion;
  for (const RegionId id : standing_order(topology)) {
    if (turnout.may_lead(id)) return id;
  }
  return kNoRegion;
}

std::string explain_text(const Topology& topology, const std::vector<NodeId>& down) {
  const Turnout turnout(topology, down);
  const Explanation root = turnout.tree();
  std::string out = root.outcome == Outcome::won ? "quorum: won" : "quorum: lost";
  out += " with " + std::to_string(root.weight) + " of " + std::to_string(root.total) + ", " +
         std::to_string(root.needed) + " needed, margin " + std::to_string(root.margin) + "\n\n";
  add_sums(root, 0, out);
  const std::vector<std::string> missing = root.missing();
  out += "\nmissing: " + (missing.empty() ? "nobody" : joined(missing, ", ")) + "\n";
  out += "primary: " + standing_text(topology, turnout) + "\n";
  return out + more_text(losses_of(topology, turnout, kShownSets));
}

Object::Ptr explain_json(const Topology& topology, const std::vector<NodeId>& down) {
  const Turnout turnout(topology, down);
  std::vector<NodeStatus> nodes(topology.nodes.size());
  for (std::uint32_t i = 0; i < nodes.size(); ++i) nodes[i].reachable = turnout.up(NodeId{i});
  Object::Ptr out =
      quorum_json(describe_quorum(topology, ballot_without(topology, down), std::move(nodes)));
  const RegionId primary = primary_without(topology, turnout);
  out->set("primary", primary == kNoRegion ? Poco::Dynamic::Var()
                                           : Poco::Dynamic::Var(topology.region_name(primary)));
  out->set("missing", strings_json(turnout.tree().missing()));
  out->set("may_lose", may_lose_json(losses_of(topology, turnout, kShownSets)));
  return out;
}

}  // namespace regent::cli
