#include "gateway/cli/process_options.h"

#include <iostream>

#include "region/log.h"
#include "topology/load.h"

namespace regent::cli {

void add_process_options(CLI::App& command, ProcessOptions& options, bool data_required) {
  command.add_option("--topology", options.topology_file, "Topology file")
      ->required()
      ->envname("REGENT_TOPOLOGY");
  command.add_option("--region", options.region, "Region this process belongs to")->required();
  command.add_option("--name", options.name, "Name of this process in its region")->required();
  command.add_option("--certs", options.certs, "Folder with ca.crt, REGION.NAME.crt and .key")
      ->required()
      ->envname("REGENT_CERTS");
  const char* purpose = data_required
                            ? "Folder of the vote, which must survive a restart"
                            : "Folder where a pause of automatic failover is kept, so that "
                              "it survives a restart of all gateways";
  command.add_option("--data", options.data, purpose)->required(data_required);
}

std::optional<Topology> load_or_report(const std::string& file) {
  LoadedTopology loaded = load_topology(file);
  for (const Finding& error : loaded.errors) std::cerr << error.message() << "\n";
  if (!loaded.errors.empty()) return std::nullopt;
  for (const Finding& warning : loaded.warnings) {
    log_event(LogLevel::warning, "topology", {{"finding", warning.message()}});
  }
  return std::move(loaded.topology);
}

}  // namespace regent::cli
