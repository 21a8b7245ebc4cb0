#include <Poco/JSON/Object.h>

#include <iostream>
#include <memory>
#include <string>

#include "gateway/cli/admin_client.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/measured_round_trips.h"
#include "gateway/cli/topology_report.h"
#include "gateway/json.h"
#include "topology/analysis.h"
#include "topology/load.h"

// regent topology check, explain and diff.
namespace regent::cli {
namespace {

using Poco::JSON::Object;

struct Options {
  std::string file;
  std::string down;
  std::vector<std::string> failures;
  std::vector<std::string> round_trips;
  bool measured = false;
  std::string certs;
  bool json = false;
};

struct DiffOptions {
  std::string before;
  std::string after;
  bool json = false;
};

void print_json(const Object::Ptr& object) {
  object->stringify(std::cout, 2);
  std::cout << "\n";
}

// Every error on its own line of standard error; with --json the same as an object on standard
// output.
int report_errors(const LoadedTopology& loaded, bool json) {
  for (const Finding& error : loaded.errors) std::cerr << error.message() << "\n";
  if (json) {
    Object::Ptr out = ordered_object();
    out->set("valid", false);
    out->set("errors", findings_json(loaded.errors));
    out->set("warnings", findings_json(loaded.warnings));
    print_json(out);
  }
  return kBadTopology;
}

int wrong_usage(const std::string& option, const Error& error) {
  std::cerr << option << " " << error.message << "\n";
  return kUsage;
}

int check(const Options& options) {
  const LoadedTopology loaded = load_topology(options.file);
  if (!loaded.errors.empty()) return report_errors(loaded, options.json);
  const Topology& topology = loaded.topology;
  const Failures defaults;
  Failures failures = Failures::everywhere(topology, defaults.region, defaults.node, defaults.link);
  RoundTrips trips = RoundTrips::unknown(topology);
  if (options.measured) {
    trips = measured_round_trips(topology, options.certs);
    if (!trips.given) {
      complain("topology check",
               "--measured: no gateway of " + options.file +
                   " tells a round trip; do they run, and is --certs their folder?");
      return kError;
    }
  }
  if (const Status set = failures.set(topology, options.failures); !set) {
    return wrong_usage("--failure", set.error());
  }
  if (const Status set = trips.set(topology, options.round_trips); !set) {
    return wrong_usage("--rtt", set.error());
  }
  trips.assume_longest();
  const CheckReport report(loaded, failures, trips);
  if (options.json) {
    print_json(check_json(report));
  } else {
    std::cout << check_text(report);
  }
  return kDone;
}

int explain(const Options& options) {
  const LoadedTopology loaded = load_topology(options.file);
  if (!loaded.errors.empty()) return report_errors(loaded, options.json);
  const Result<std::vector<NodeId>> down = find_nodes(loaded.topology, options.down);
  if (!down) {
    return wrong_usage("--down", down.error());
  }
  if (options.json) {
    print_json(explain_json(loaded.topology, *down));
  } else {
    std::cout << explain_text(loaded.topology, *down);
  }
  const Turnout turnout(loaded.topology, *down);
  return primary_without(loaded.topology, turnout) == kNoRegion ? kNoQuorum : kDone;
}

int diff(const DiffOptions& options) {
  const LoadedTopology before = load_topology(options.before);
  if (!before.errors.empty()) return report_errors(before, options.json);
  const LoadedTopology after = load_topology(options.after);
  if (!after.errors.empty()) return report_errors(after, options.json);
  const DiffReport report(before.topology, after.topology);
  if (options.json) {
    print_json(diff_json(report));
  } else {
    std::cout << diff_text(report);
  }
  return report.transition.meeting.always ? kDone : kRefused;
}

}  // namespace

void add_topology_command(CLI::App& app, int& exit_code) {
  CLI::App* topology = app.add_subcommand("topology", "Check, explain and compare topology files");
  topology->require_subcommand(1);
  const auto options = std::make_shared<Options>();

  CLI::App* checking =
      topology->add_subcommand("check", "Validate a file and say what its quorum survives");
  checking->add_option("FILE", options->file, "Topology file (YAML)")->required();
  checking->add_option("--failure", options->failures,
                       "Share of time that something is down: WHAT=SHARE, repeatable; WHAT is "
                       "region, node or link, REGION, REGION/NODE or REGION~REGION");
  checking->add_option("--rtt", options->round_trips,
                       "Round trip between regions: DURATION or REGION~REGION=DURATION, "
                       "repeatable; others count as the longest given");
  checking->add_flag("--measured", options->measured,
                     "Ask the running gateways for the round trips that they measure");
  checking->add_option("--certs", options->certs, "Folder with ca.crt, for --measured")
      ->envname("REGENT_CERTS");
  checking->add_flag("--json", options->json, "Print JSON");
  checking->callback([options, &exit_code] { exit_code = check(*options); });

  CLI::App* explaining = topology->add_subcommand(
      "explain", "Is there a quorum without some nodes, and who is missing");
  explaining->add_option("FILE", options->file, "Topology file (YAML)")->required();
  explaining->add_option("--down", options->down,
                         "What is down: REGION, REGION/NODE or REGION/ZONE, comma-separated");
  explaining->add_flag("--json", options->json, "Print JSON, as /v1/status shows it");
  explaining->callback([options, &exit_code] { exit_code = explain(*options); });

  const auto files = std::make_shared<DiffOptions>();
  CLI::App* differing = topology->add_subcommand(
      "diff", "What changes from one file to another, and whether it is safe in one step");
  differing->add_option("OLD", files->before, "Topology file that runs (YAML)")->required();
  differing->add_option("NEW", files->after, "Topology file that shall run")->required();
  differing->add_flag("--json", files->json, "Print JSON");
  differing->callback([files, &exit_code] { exit_code = diff(*files); });
}

}  // namespace regent::cli
