#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>

#include "gateway/cli/cli.h"
#include "gateway/quorum_status.h"
#include "topology/analysis.h"
#include "topology/load.h"
#include "topology/survival.h"

// regent topology check, regent topology explain.
namespace regent::cli {
namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;

struct Options {
  std::string file;
  std::string down;
  bool json = false;
};

Object::Ptr new_object() {
  return new Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

void print_json(const Object::Ptr& object) {
  object->stringify(std::cout, 2);
  std::cout << "\n";
}

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

// Every error on its own line of standard error; with --json the same as an object on standard
// output.
int report_errors(const LoadedTopology& loaded, const Options& options) {
  for (const Finding& error : loaded.errors) std::cerr << error.message() << "\n";
  if (options.json) {
    Object::Ptr out = new_object();
    out->set("valid", false);
    out->set("errors", findings_json(loaded.errors));
    out->set("warnings", findings_json(loaded.warnings));
    print_json(out);
  }
  return kBadTopology;
}

// "won 3 of 4, 3 needed", or what a node weighs.
std::string sums(const Explanation& item) {
  if (item.leaf != kNoNode) return std::string(outcome_name(item.outcome));
  return std::string(outcome_name(item.outcome)) + ": " + std::to_string(item.weight) + " of " +
         std::to_string(item.total) + ", " + std::to_string(item.needed) + " needed";
}

// `text` filled up with spaces to `width`, and at least one.
std::string column(std::string text, std::size_t width) {
  text.resize(std::max(text.size() + 1, width), ' ');
  return text;
}

void print_tree(const Explanation& item, std::size_t depth, bool with_outcome) {
  std::string line = column(std::string(2 * depth + 2, ' ') + item.name, 30);
  line += column(depth == 0 ? "" : "weight " + std::to_string(item.own_weight), 16);
  if (with_outcome) {
    line += sums(item);
  } else if (item.leaf == kNoNode) {
    line += "needs " + std::to_string(item.needed) + " of " + std::to_string(item.total);
  }
  line.resize(line.find_last_not_of(' ') + 1);
  std::cout << line << "\n";
  for (const Explanation& child : item.children) print_tree(child, depth + 1, with_outcome);
}

void print_survival(const std::string& what, const std::vector<FatalLoss>& losses) {
  constexpr std::size_t kMaxShown = 12;
  std::cout << column("  any single " + what, 22);
  if (losses.empty()) {
    std::cout << "yes\n";
    return;
  }
  std::cout << "no: ";
  for (std::size_t i = 0; i < losses.size() && i < kMaxShown; ++i) {
    std::cout << (i > 0 ? ", " : "") << losses[i].name
              << (losses[i].quorum_lost ? "" : " (nobody left who may be primary)");
  }
  if (losses.size() > kMaxShown) std::cout << " and " << losses.size() - kMaxShown << " more";
  std::cout << "\n";
}

bool has_zones(const Topology& topology) {
  for (const TopologyRegion& region : topology.regions) {
    if (!region.zones.empty()) return true;
  }
  return false;
}

void print_check(const LoadedTopology& loaded) {
  const Topology& topology = loaded.topology;
  std::cout << "cluster    " << topology.cluster << "\n"
            << "version    " << topology.version << "\n"
            << "hash       " << topology.hash << "\n"
            << "votes      " << topology.quorum_hash << "\n"
            << "quorum     " << kind_name(topology.kind) << "\n"
            << "regions    " << topology.regions.size() << "\n"
            << "gateways   " << topology.gateways.size() << "\n"
            << "nodes      " << topology.nodes.size() << "\n"
            << "services   " << topology.services.size() << "\n\nTree\n";
  const Ballot all = ballot_without(topology, {});
  print_tree(Explanation::of(topology.tree, all), 0, false);

  std::cout << "\nMay be primary, in this order\n";
  std::size_t place = 0;
  for (const RegionId id : standing_order(topology)) {
    const TopologyRegion& region = topology.region(id);
    std::cout << "  " << ++place << ". " << region.name << " (priority " << region.priority
              << ")\n";
  }

  std::cout << "\nSurvives the loss of\n";
  const Survival survival = survival_of(topology);
  print_survival("region", survival.regions);
  if (has_zones(topology)) print_survival("zone", survival.zones);
  print_survival("node", survival.nodes);

  std::cout << "\nWarnings\n";
  if (loaded.warnings.empty()) std::cout << "  none\n";
  for (const Finding& warning : loaded.warnings) std::cout << "  " << warning.message() << "\n";
}

Array::Ptr losses_json(const std::vector<FatalLoss>& losses) {
  Array::Ptr out = new Array;
  for (const FatalLoss& loss : losses) {
    Object::Ptr item = new_object();
    item->set("name", loss.name);
    item->set("quorum_lost", loss.quorum_lost);
    out->add(item);
  }
  return out;
}

QuorumStatus quorum_without(const Topology& topology, const std::vector<NodeId>& down) {
  std::vector<NodeStatus> nodes(topology.nodes.size());
  for (NodeStatus& node : nodes) node.reachable = true;
  for (const NodeId id : down) nodes[id.value].reachable = false;
  return describe_quorum(topology, ballot_without(topology, down), std::move(nodes));
}

void print_check_json(const LoadedTopology& loaded) {
  const Topology& topology = loaded.topology;
  const Survival survival = survival_of(topology);
  Array::Ptr order = new Array;
  for (const RegionId id : standing_order(topology)) order->add(topology.region_name(id));
  Object::Ptr fatal = new_object();
  fatal->set("regions", losses_json(survival.regions));
  fatal->set("zones", losses_json(survival.zones));
  fatal->set("nodes", losses_json(survival.nodes));
  Object::Ptr out = new_object();
  out->set("valid", true);
  out->set("cluster", topology.cluster);
  out->set("version", topology.version);
  out->set("hash", topology.hash);
  out->set("quorum_hash", topology.quorum_hash);
  out->set("kind", std::string(kind_name(topology.kind)));
  out->set("quorum", quorum_json(quorum_without(topology, {})));
  out->set("may_be_primary", order);
  out->set("survives_any_region", survival.regions.empty());
  out->set("survives_any_zone", survival.zones.empty());
  out->set("survives_any_node", survival.nodes.empty());
  out->set("fatal_losses", fatal);
  out->set("warnings", findings_json(loaded.warnings));
  print_json(out);
}

int check(const Options& options) {
  const LoadedTopology loaded = load_topology(options.file);
  if (!loaded.errors.empty()) return report_errors(loaded, options);
  if (options.json) {
    print_check_json(loaded);
  } else {
    print_check(loaded);
  }
  return kDone;
}

void print_explanation(const Topology& topology, const std::vector<NodeId>& down) {
  const Ballot ballot = ballot_without(topology, down);
  const Explanation root = Explanation::of(topology.tree, ballot);
  const bool won = root.outcome == Outcome::won;
  std::cout << (won ? "quorum: won" : "quorum: lost") << " with " << root.weight << " of "
            << root.total << ", " << root.needed << " needed, margin " << root.margin << "\n\n";
  print_tree(root, 0, true);
  const std::vector<std::string> missing = root.missing();
  std::cout << "\nmissing: ";
  if (missing.empty()) std::cout << "nobody";
  for (std::size_t i = 0; i < missing.size(); ++i) std::cout << (i > 0 ? ", " : "") << missing[i];
  std::cout << "\n";
}

int explain(const Options& options) {
  const LoadedTopology loaded = load_topology(options.file);
  if (!loaded.errors.empty()) return report_errors(loaded, options);
  const Result<std::vector<NodeId>> down = find_nodes(loaded.topology, options.down);
  if (!down) {
    std::cerr << "--down " << down.error().message << "\n";
    return kUsage;
  }
  const QuorumStatus status = quorum_without(loaded.topology, *down);
  if (options.json) {
    print_json(quorum_json(status));
  } else {
    print_explanation(loaded.topology, *down);
  }
  return status.outcome == Outcome::won ? kDone : kNoQuorum;
}

}  // namespace

void add_topology_command(CLI::App& app, int& exit_code) {
  CLI::App* topology = app.add_subcommand("topology", "Check and explain a topology file");
  topology->require_subcommand(1);
  const auto options = std::make_shared<Options>();

  CLI::App* checking =
      topology->add_subcommand("check", "Validate a file and say what its quorum survives");
  checking->add_option("FILE", options->file, "Topology file (YAML)")->required();
  checking->add_flag("--json", options->json, "Print JSON");
  checking->callback([options, &exit_code] { exit_code = check(*options); });

  CLI::App* explaining = topology->add_subcommand(
      "explain", "Is there a quorum without some nodes, and who is missing");
  explaining->add_option("FILE", options->file, "Topology file (YAML)")->required();
  explaining->add_option("--down", options->down,
                         "What is down: REGION, REGION/NODE or REGION/ZONE, comma-separated");
  explaining->add_flag("--json", options->json, "Print JSON, as /v1/status shows it");
  explaining->callback([options, &exit_code] { exit_code = explain(*options); });
}

}  // namespace regent::cli
