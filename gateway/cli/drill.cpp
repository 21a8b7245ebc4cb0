#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <memory>

#include "gateway/cli/admin_client.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/drill_probe.h"
#include "gateway/cli/drill_rehearsal.h"
#include "gateway/cli/drill_rehearse.h"
#include "gateway/cli/drill_reports.h"
#include "gateway/cli/drill_run.h"
#include "gateway/cli/measured_round_trips.h"
#include "gateway/drill/drill_plan.h"
#include "gateway/drill/drill_report.h"
#include "gateway/duration_text.h"
#include "topology/analysis.h"
#include "topology/electorate.h"
#include "topology/load.h"

namespace regent::cli {
namespace {

constexpr Duration kEndLimit = std::chrono::seconds(5);

struct DrillOptions {
  ClientOptions client;
  std::string file;
  std::string folder = "deploy/drills";
  std::string out = "drill-reports";
  std::uint64_t rehearsals = 1000;
};

volatile std::sig_atomic_t interrupted = 0;

std::optional<Topology> topology_of(const DrillOptions& options, int& exit_code) {
  if (options.client.topology.empty()) {
    complain("drill", "give --topology FILE (or set REGENT_TOPOLOGY)");
    exit_code = kUsage;
    return std::nullopt;
  }
  LoadedTopology loaded = load_topology(options.client.topology);
  for (const Finding& error : loaded.errors) std::cerr << error.message() << "\n";
  if (loaded.errors.empty()) return std::move(loaded.topology);
  exit_code = kBadTopology;
  return std::nullopt;
}

std::optional<Drill> drill_of(const DrillOptions& options, const Topology& topology) {
  LoadedDrill loaded = load_drill(options.file, &topology);
  for (const Finding& error : loaded.errors) std::cerr << error.message() << "\n";
  if (!loaded.errors.empty()) return std::nullopt;
  if (const Status probe = DrillProbes::check(topology, loaded.drill.probe); !probe.ok()) {
    complain("drill", options.file + ": probe: " + probe.error().message);
    return std::nullopt;
  }
  return std::move(loaded.drill);
}

// Binds the drill and holds it against the rules, as if all were well.
std::optional<Drill> bound_safely(const Drill& drill, const Topology& topology, RegionId primary,
                                  int& exit_code) {
  auto bound = bind_drill(drill, topology, primary);
  if (!bound.ok()) {
    complain("drill", bound.error().message);
    exit_code = kRefused;
    return std::nullopt;
  }
  const std::vector<std::string> problems = unsafe_steps(*bound, topology, primary);
  for (const std::string& problem : problems) complain("drill", problem);
  if (problems.empty()) return *std::move(bound);
  exit_code = kRefused;
  return std::nullopt;
}

constexpr const char* kNotLocal =
    "stops or pauses processes, which only `regent local --allow-faults` can do, and this cluster "
    "is not run by it";

// The first of its steps that stops or pauses processes.
const DrillStep* process_step(const Drill& drill) {
  const auto found = std::ranges::find_if(drill.steps, &DrillStep::takes_processes);
  return found == drill.steps.end() ? nullptr : &*found;
}

bool can_take_processes(const AdminAnswer& status) {
  const auto faults = status.body->getObject("faults");
  return !faults.isNull() && faults->optValue("processes", false);
}

// Whether the cluster can do what the step asks, as far as it can be reached.
bool check_local(const DrillOptions& options, const DrillStep& step) {
  auto made = AdminClient::make(options.client, false);
  if (auto* client = std::get_if<AdminClient>(&made)) {
    const auto status = client->get("/v1/status", [](const AdminAnswer&) { return true; });
    if (status.ok() && status->code == 200) {
      if (can_take_processes(*status)) return true;
      complain("drill", step.path + ": " + step_text(step) + ": " + kNotLocal);
      return false;
    }
  }
  std::cout << "No gateway was reached to see whether `regent local --allow-faults` runs the "
               "cluster; only then can it "
            << step_text(step) << ".\n";
  return true;
}

// What the gateways look after by themselves.
std::string ends_text(const Drill& drill) {
  const DrillAborts& aborts = drill.abort;
  std::string text =
      "The gateways end it, whatever becomes of `regent drill run`, after " +
      duration_text(drill.max_length) + ", and at once when the quorum " +
      (drill.min_margin == 0 ? "is lost"
                             : "has less than " + std::to_string(drill.min_margin) + " to spare");
  if (const auto& limit = aborts.no_primary_for) {
    text += std::string(aborts.failed_writes ? "," : ", or") + " when nobody held a lease for " +
            duration_text(*limit);
  }
  if (const auto& limit = aborts.failed_writes) {
    text += ", or when more than " + std::to_string(*limit) + " writes of any clients have failed";
  }
  return text + ".\n";
}

// What the drill needs and does not have. ready: regions that could lead.
std::optional<std::string> missing_need(const Drill& drill, std::size_t ready,
                                        std::int64_t margin) {
  if (ready < drill.needs_regions) {
    return std::to_string(ready) + " regions are ready to lead, and it needs " +
           std::to_string(drill.needs_regions);
  }
  if (margin >= static_cast<std::int64_t>(drill.needs_margin)) return std::nullopt;
  return "the quorum has " + std::to_string(margin) + " to spare, and it needs " +
         std::to_string(drill.needs_margin);
}

int check(const DrillOptions& options) {
  int exit_code = kDone;
  const auto topology = topology_of(options, exit_code);
  if (!topology) return exit_code;
  const auto drill = drill_of(options, *topology);
  if (!drill) return kBadTopology;
  const std::vector<RegionId> order = standing_order(*topology);
  const auto bound = bound_safely(*drill, *topology, order.front(), exit_code);
  if (!bound) return exit_code;
  const std::int64_t margin = Turnout(*topology).tree().margin;
  if (const auto missing = missing_need(*drill, order.size(), margin)) {
    complain("drill", *missing + ", even while all is well");
    return kRefused;
  }
  const DrillStep* local = process_step(*bound);
  if (local != nullptr && !check_local(options, *local)) return kRefused;
  std::cout << drill->name << " is valid, and safe on this topology while all is well. With "
            << topology->region_name(order.front()) << " as primary it does this:\n";
  for (const DrillStep& step : bound->steps) std::cout << "  " << step_text(step) << "\n";
  std::cout << ends_text(*drill);
  return kDone;
}

// One line, with the first of the reasons; `drill check` shows all.
std::string no_drill_text(const std::vector<Finding>& errors) {
  Finding first = errors.front();
  first.text = "no valid drill: " + (first.path.empty() ? "" : first.path + ": ") + first.text;
  first.path.clear();
  const std::size_t more = errors.size() - 1;
  return first.message() + (more > 0 ? " (and " + std::to_string(more) + " more)" : "");
}

int list(const DrillOptions& options) {
  std::error_code problem;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(options.folder, problem)) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path().string());
  }
  if (problem || files.empty()) {
    complain("drill list",
             options.folder + ": " + (problem ? problem.message() : "no .yaml file is in it") +
                 "; name the folder of the drill files: regent drill list DIR (the ones that come "
                 "with Regent are in deploy/drills of its repository)");
    return kError;
  }
  std::ranges::sort(files);
  int exit_code = kDone;
  for (const std::string& file : files) {
    const LoadedDrill loaded = load_drill(file, nullptr);
    if (!loaded.errors.empty()) {
      std::cerr << no_drill_text(loaded.errors) << "\n";
      exit_code = kBadTopology;
      continue;
    }
    std::cout << file << ": " << loaded.drill.name
              << (loaded.drill.about.empty() ? "" : ": " + loaded.drill.about) << "\n";
  }
  return exit_code;
}

// What the run has to be compared with; before it, so that it is a forecast. In one thread: a
// cluster on the same machine should not notice.
std::optional<RehearsedFigures> rehearse_before(const DrillOptions& options,
                                                const Topology& topology, RegionId primary,
                                                const Drill& drill) {
  if (options.rehearsals == 0) return std::nullopt;
  RehearsalSettings settings;
  settings.runs = options.rehearsals;
  settings.primary = primary;
  settings.round_trips = measured_round_trips(topology, options.client.certs);
  return rehearse_drill(drill, topology, settings);
}

// What the drill needs, as a gateway of the primary sees the cluster.
std::optional<std::string> missing_need(const Drill& drill, const Topology& topology,
                                        const Poco::JSON::Object& status) {
  std::vector<std::string> ready;
  if (const auto primary = topology.find_region(status.getValue<std::string>("primary"))) {
    ready.push_back(topology.region_name(*primary));
  }
  const auto links = status.getArray("links");
  for (unsigned i = 0; !links.isNull() && i < links->size(); ++i) {
    const auto link = links->getObject(i);
    const auto region = link->getValue<std::string>("region");
    if (link->optValue("eligible", false) && std::ranges::count(ready, region) == 0) {
      ready.push_back(region);
    }
  }
  const auto margin = status.getObject("quorum")->getValue<std::int64_t>("margin");
  return missing_need(drill, ready.size(), margin);
}

int carry_out(const DrillOptions& options, const Topology& topology, RegionId primary, Drill drill,
              AdminClient& client) {
  const auto rehearsed = rehearse_before(options, topology, primary, drill);
  std::signal(SIGINT, [](int) { interrupted = 1; });
  std::signal(SIGTERM, [](int) { interrupted = 1; });
  DrillScreen screen;
  DrillRun run(topology, std::move(drill), client, options.client.certs, interrupted, screen);
  if (const auto failure = run.run()) {
    complain("drill run", failure->message);
    return failure->exit_code;
  }
  const DrillReport report{run.record(), judge_drill(run.record()),
                           earlier_runs(options.out, run.record().drill.name), rehearsed};
  std::cout << verdict_text(report);
  const bool written = write_reports(options.out, report);
  if (run.refused()) return kRefused;
  return report.verdict.passed && written ? kDone : kError;
}

int run(const DrillOptions& options) {
  int exit_code = kDone;
  const auto topology = topology_of(options, exit_code);
  if (!topology) return exit_code;
  const auto drill = drill_of(options, *topology);
  if (!drill) return kBadTopology;
  auto made = AdminClient::make(options.client, true);
  if (const auto* error = std::get_if<ClientError>(&made)) {
    complain("drill run", error->message);
    return error->exit_code;
  }
  auto& client = std::get<AdminClient>(made);
  // One of the primary's own, whose links show whether the other regions are ready.
  const auto status = client.get("/v1/status", [](const AdminAnswer& answer) {
    return shows_primary(answer) && answer.body->getValue<std::string>("primary") ==
                                        answer.body->getValue<std::string>("region");
  });
  if (!status.ok() || !shows_primary(*status)) {
    complain("drill run", status.ok() ? "no primary is known" : status.error().message);
    return status.ok() ? kNoQuorum : kError;
  }
  const auto primary = topology->find_region(status->body->getValue<std::string>("primary"));
  if (!primary) {
    complain("drill run", "the cluster runs under another topology");
    return kBadTopology;
  }
  auto bound = bound_safely(*drill, *topology, *primary, exit_code);
  if (!bound) return exit_code;
  const DrillStep* local = process_step(*bound);
  if (local != nullptr && !can_take_processes(*status)) {
    complain("drill run", local->path + ": " + step_text(*local) + ": " + kNotLocal);
    return kRefused;
  }
  if (const auto missing = missing_need(*drill, *topology, *status->body)) {
    complain("drill run", *missing);
    return kRefused;
  }
  return carry_out(options, *topology, *primary, *std::move(bound), client);
}

// Ends whatever drill runs, at every gateway. Whoever runs it sees that and stops.
int end_drill(const DrillOptions& options) {
  int exit_code = kDone;
  const auto topology = topology_of(options, exit_code);
  if (!topology) return exit_code;
  auto made = AdminClient::make(options.client, true);
  if (const auto* error = std::get_if<ClientError>(&made)) {
    complain("drill abort", error->message);
    return error->exit_code;
  }
  auto& client = std::get<AdminClient>(made);
  for (const TopologyGateway& gateway : topology->gateways) {
    const Address address{gateway.host, gateway.admin_port};
    const auto answer = client.remove(address, "/v1/faults", kEndLimit);
    if (answer.ok() && answer->code == 200) {
      std::cout << answered_by(*answer) << ": "
                << answer->body->optValue<std::string>("message", "") << "\n";
      continue;
    }
    exit_code = kError;
    complain("drill abort", address.text() + ": " +
                                (answer.ok() ? answer->body->optValue<std::string>("message", "")
                                             : answer.error().message) +
                                "; its faults end by themselves");
  }
  return exit_code;
}

void add_file(CLI::App& command, DrillOptions& options) {
  command.add_option("FILE", options.file, "Drill file")->required();
}

}  // namespace

void add_drill_command(CLI::App& app, int& exit_code) {
  auto* drill = app.add_subcommand("drill", "Rehearse faults and switchovers, with a report");
  drill->require_subcommand(1);
  // Each has options of its own: the library gives every subcommand what the environment says, also
  // those that are not used.
  const auto add = [&](const char* name, const char* help, int (*action)(const DrillOptions&)) {
    auto options = std::make_shared<DrillOptions>();
    auto* command = drill->add_subcommand(name, help);
    command->callback([options, action, &exit_code] { exit_code = action(*options); });
    return std::pair<CLI::App&, DrillOptions&>(*command, *options);
  };
  const auto [listing, list_options] = add("list", "Show the drills of a folder", list);
  listing.add_option("DIR", list_options.folder, "Where they are")->capture_default_str();
  const auto [checking, check_options] =
      add("check", "Say whether a drill is valid, and safe on a topology", check);
  add_file(checking, check_options);
  add_client_options(checking, check_options.client);
  const auto [running, run_options] =
      add("run", "Carry a drill out on the running cluster, which can end it without you", run);
  add_file(running, run_options);
  add_client_options(running, run_options.client);
  add_reports_folder(running, run_options.out);
  running
      .add_option("--rehearse", run_options.rehearsals,
                  "So many rehearsals to compare the run with; 0: none")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  const auto [ending, end_options] = add("abort", "End and undo the drill that runs", end_drill);
  add_client_options(ending, end_options.client);
  add_report_command(*drill, exit_code);
  add_rehearse_command(*drill, exit_code);
}

}  // namespace regent::cli
