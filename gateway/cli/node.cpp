#include "region/node.h"

#include <iostream>
#include <memory>

#include "gateway/cli/cli.h"
#include "gateway/cli/process_options.h"
#include "region/log.h"
#include "region/process_signals.h"

namespace regent::cli {
namespace {

int run_node(const ProcessOptions& options) {
  ProcessSignals signals;  // before any thread
  const auto topology = load_or_report(options.topology_file);
  if (!topology) return kBadTopology;
  const auto region = topology->find_region(options.region);
  if (!region) {
    std::cerr << "regent node: " << options.topology_file << " has no region \"" << options.region
              << "\"\n";
    return kBadTopology;
  }
  const auto self = topology->find_node(*region, options.name);
  if (!self) {
    std::cerr << "regent node: region " << options.region << " of " << options.topology_file
              << " has no node \"" << options.name << "\"\n";
    return kBadTopology;
  }
  const Identity identity{topology->cluster, IdentityRole::node, options.region, options.name};
  const auto credentials = Credentials::load(credential_files(options.certs, identity), identity);
  if (!credentials.ok()) {
    std::cerr << "regent node: " << credentials.error().message << "\n";
    return kError;
  }
  const auto node = Node::start(*topology, *self, **credentials, options.data);
  if (!node.ok()) {
    std::cerr << "regent node: " << node.error().message << "\n";
    return kError;
  }
  const char* signal = signals.wait();
  for (; asks_for_reload(signal); signal = signals.wait()) {
    log_event(LogLevel::info, "nothing to reload",
              {{"reason", "a node knows no services, and reads changed certificates by itself"}});
  }
  log_event(LogLevel::info, "node stopping", {{"signal", signal}});
  return kDone;
}

}  // namespace

void add_node_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ProcessOptions>();
  auto* command = app.add_subcommand("node", "Run a node: a voter that keeps its vote on disk");
  add_process_options(*command, *options, true);
  command->callback([options, &exit_code] { exit_code = run_node(*options); });
}

}  // namespace regent::cli
