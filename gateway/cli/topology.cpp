#include <Poco/JSON/Object.h>

#include <iostream>
#include <memory>
#include <string>

#include "gateway/cli/cli.h"
#include "gateway/cli/topology_report.h"
#include "gateway/quorum_status.h"
#include "topology/analysis.h"
#include "topology/load.h"

// regent topology check, regent topology explain.
namespace regent::cli {
namespace {

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

void print_sums(const Explanation& item, std::size_t depth) {
  std::string line = column(std::string(2 * depth + 2, ' ') + item.name, 30);
  line += column(depth == 0 ? "" : "weight " + std::to_string(item.own_weight), 16);
  line += sums(item);
  std::cout << line << "\n";
  for (const Explanation& child : item.children) print_sums(child, depth + 1);
}

QuorumStatus quorum_without(const Topology& topology, const std::vector<NodeId>& down) {
  std::vector<NodeStatus> nodes(topology.nodes.size());
  for (NodeStatus& node : nodes) node.reachable = true;
  for (const NodeId id : down) nodes[id.value].reachable = false;
  return describe_quorum(topology, ballot_without(topology, down), std::move(nodes));
}

int check(const Options& options) {
  const LoadedTopology loaded = load_topology(options.file);
  if (!loaded.errors.empty()) return report_errors(loaded, options);
  const CheckReport report(loaded);
  if (options.json) {
    print_json(check_json(report));
  } else {
    std::cout << check_text(report);
  }
  return kDone;
}

void print_explanation(const Topology& topology, const std::vector<NodeId>& down) {
  const Ballot ballot = ballot_without(topology, down);
  const Explanation root = Explanation::of(topology.tree, ballot);
  const bool won = root.outcome == Outcome::won;
  std::cout << (won ? "quorum: won" : "quorum: lost") << " with " << root.weight << " of "
            << root.total << ", " << root.needed << " needed, margin " << root.margin << "\n\n";
  print_sums(root, 0);
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
