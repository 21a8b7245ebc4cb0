#include "gateway/gateway.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <iostream>
#include <memory>

#include "gateway/cli/cli.h"
#include "gateway/cli/process_options.h"
#include "region/log.h"
#include "region/process_signals.h"

namespace regent::cli {
namespace {

struct GatewayOptions : ProcessOptions {
  bool allow_faults = false;
  std::string faults_window;
  int supervisor = -1;
};

// Whether that is what `regent local` hands down. No process started from here is to get it.
bool is_supervisor(int descriptor) {
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM &&
         fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0;
}

int run_gateway(const GatewayOptions& options) {
  ProcessSignals signals;  // before any thread
  FaultSettings faults{options.allow_faults, std::nullopt, options.supervisor};
  if (faults.supervisor >= 0 && !is_supervisor(faults.supervisor)) {
    std::cerr << "regent gateway: --supervisor is for `regent local`\n";
    return kUsage;
  }
  if (!options.faults_window.empty()) {
    const auto window = parse_fault_window(options.faults_window);
    if (!window.ok()) {
      std::cerr << "regent gateway: --faults-window: " << window.error().message << "\n";
      return kUsage;
    }
    faults.window = *window;
  }
  auto loaded = load_or_report(options.topology_file);
  if (!loaded) return kBadTopology;
  const auto topology = std::make_shared<const Topology>(std::move(*loaded));
  const auto region = topology->find_region(options.region);
  if (!region) {
    std::cerr << "regent gateway: " << options.topology_file << " has no region \""
              << options.region << "\"\n";
    return kBadTopology;
  }
  const auto self = topology->find_gateway(*region, options.name);
  if (!self) {
    std::cerr << "regent gateway: region " << options.region << " of " << options.topology_file
              << " has no gateway \"" << options.name << "\"\n";
    return kBadTopology;
  }
  const Identity identity{topology->cluster, IdentityRole::gateway, options.region, options.name};
  const auto credentials = Credentials::load(credential_files(options.certs, identity), identity);
  if (!credentials) {
    std::cerr << "regent gateway: " << credentials.error().message << "\n";
    return kError;
  }
  const auto gateway = Gateway::start(topology, *self, **credentials, options.data, faults);
  if (!gateway) {
    std::cerr << "regent gateway: " << gateway.error().message << "\n";
    return kError;
  }
  const TopologyGateway& own = topology->gateway(*self);
  log_event(LogLevel::info, "gateway ready",
            {{"region", options.region},
             {"gateway", options.name},
             {"host", own.host},
             {"admin", "https://" + Address{own.host, own.admin_port}.text()},
             {"topology_version", std::to_string(topology->version)}});
  const char* signal = signals.wait();
  for (; asks_for_reload(signal); signal = signals.wait()) {
    log_event(LogLevel::info, "gateway reloading", {{"file", options.topology_file}});
    (*gateway)->reload(options.topology_file);
  }
  signals.end_at_once();
  log_event(LogLevel::info, "gateway stopping", {{"signal", signal}});
  (*gateway)->stop();
  return kDone;
}

}  // namespace

void add_gateway_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<GatewayOptions>();
  auto* command = app.add_subcommand(
      "gateway", "Run a gateway: adds up votes, stands for election, routes client traffic");
  add_process_options(*command, *options, false);
  command->add_flag("--allow-faults", options->allow_faults,
                    "Let an operator cut this gateway's links for drills");
  command->add_option("--faults-window", options->faults_window,
                      "When: 09:00-17:00 or 'mon-fri 09:00-17:00', in UTC; default: at any time");
  command->add_option("--supervisor", options->supervisor, "Descriptor of a socket to regent local")
      ->group("");  // not for people
  command->callback([options, &exit_code] { exit_code = run_gateway(*options); });
}

}  // namespace regent::cli
