#include <filesystem>
#include <iostream>
#include <memory>

#include "gateway/cli/admin_client.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/local_supervisor.h"
#include "gateway/cli/process_group.h"
#include "gateway/cli/process_options.h"
#include "gateway/gateway.h"

namespace regent::cli {
namespace {

// What a gateway needs to stop beside its stop_limit: handing over, and letting others know.
constexpr Duration kToStop = Gateway::kHandOverLimit + std::chrono::seconds(2);

struct LocalOptions {
  std::string topology;
  std::string certs;
  std::string data;
  bool allow_faults = false;
  std::string faults_window;
};

std::string child_name(const std::string& region, const std::string& name) {
  return region + "." + name;
}

// One process of the topology: `regent KIND ...` with a data folder of its own.
ChildSpec child(const LocalOptions& options, const std::string& kind, const std::string& region,
                const std::string& name, const std::vector<std::string>& log_options) {
  ChildSpec spec;
  spec.name = child_name(region, name);
  spec.arguments = {kind,
                    "--topology",
                    options.topology,
                    "--region",
                    region,
                    "--name",
                    name,
                    "--certs",
                    options.certs,
                    "--data",
                    options.data + "/" + spec.name};
  spec.arguments.insert(spec.arguments.end(), log_options.begin(), log_options.end());
  return spec;
}

std::vector<ChildSpec> children(const LocalOptions& options, const Topology& topology,
                                const std::vector<std::string>& log_options, int supervisor) {
  std::vector<ChildSpec> specs;
  for (const TopologyNode& node : topology.nodes) {
    specs.push_back(
        child(options, "node", topology.region_name(node.region), node.name, log_options));
  }
  for (const TopologyGateway& gateway : topology.gateways) {
    specs.push_back(
        child(options, "gateway", topology.region_name(gateway.region), gateway.name, log_options));
    if (!options.allow_faults) continue;
    ChildSpec& spec = specs.back();
    spec.inherits = supervisor;
    for (const std::string& word :
         {std::string("--allow-faults"), "--supervisor=" + std::to_string(supervisor)}) {
      spec.arguments.push_back(word);
    }
    if (options.faults_window.empty()) continue;
    spec.arguments.push_back("--faults-window=" + options.faults_window);
  }
  return specs;
}

LocalSupervisor::Children child_names(const Topology& topology) {
  LocalSupervisor::Children names;
  const auto add = [&](RegionId of, const std::string& name) {
    const std::string& region = topology.region_name(of);
    names[region + "/" + name] = child_name(region, name);
  };
  for (const TopologyNode& node : topology.nodes) add(node.region, node.name);
  for (const TopologyGateway& gateway : topology.gateways) add(gateway.region, gateway.name);
  return names;
}

int run(const LocalOptions& options, const std::string& log_format, const std::string& log_level) {
  const std::optional<Topology> topology = load_or_report(options.topology);
  if (!topology) return kBadTopology;
  std::vector<std::string> log_options;
  if (!log_format.empty()) log_options.insert(log_options.end(), {"--log-format", log_format});
  if (!log_level.empty()) log_options.insert(log_options.end(), {"--log-level", log_level});

  // A prefix would turn a line of JSON into something else.
  ProcessGroup group("/proc/self/exe", log_format != "json",
                     topology->traffic.stop_limit + kToStop);
  LocalSupervisor supervisor(group);
  if (options.allow_faults) {
    if (const Status opened = supervisor.open(child_names(*topology)); !opened.ok()) {
      complain("local", opened.error().message);
      return kError;
    }
  }
  for (const ChildSpec& spec :
       children(options, *topology, log_options, supervisor.gateways_end())) {
    std::error_code problem;
    const std::string folder = options.data + "/" + spec.name;
    std::filesystem::create_directories(folder, problem);
    if (problem) {
      complain("local", "cannot make the folder " + folder + ": " + problem.message());
      return kError;
    }
    if (const Status started = group.start(spec); !started.ok()) {
      complain("local", started.error().message);
      return kError;
    }
  }
  std::cout << "cluster " << topology->cluster << ": " << group.alive()
            << " processes started; Ctrl-C stops them" << std::endl;
  return group.run() ? kDone : kError;
}

}  // namespace

void add_local_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<LocalOptions>();
  auto* command = app.add_subcommand(
      "local", "Run every process of the topology on this machine, until stopped");
  command->add_option("--topology", options->topology, "Topology file")
      ->required()
      ->envname("REGENT_TOPOLOGY");
  command->add_option("--certs", options->certs, "Folder with the certificates of all processes")
      ->required()
      ->envname("REGENT_CERTS");
  command
      ->add_option("--data", options->data,
                   "Folder for the processes' data: each gets REGION.NAME in it")
      ->required();
  command->add_flag("--allow-faults", options->allow_faults,
                    "Let an operator cut the gateways' links, and stop and pause processes, for "
                    "drills");
  command->add_option("--faults-window", options->faults_window,
                      "When: 09:00-17:00 or 'mon-fri 09:00-17:00', in UTC; default: at any time");
  command->callback([options, &app, &exit_code] {
    const auto text_of = [&](const std::string& option) {
      const auto* found = app.get_option_no_throw(option);
      return found == nullptr || found->empty() ? std::string() : found->as<std::string>();
    };
    exit_code = run(*options, text_of("--log-format"), text_of("--log-level"));
  });
}

}  // namespace regent::cli
