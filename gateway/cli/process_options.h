#pragma once

#include <functional>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "topology/topology.h"

// What `regent node` and `regent gateway` have in common.
namespace regent::cli {

struct ProcessOptions {
  std::string topology_file;
  std::string region;
  std::string name;
  std::string certs;
  std::string data;
};

// --topology, --region, --name, --certs and --data.
void add_process_options(CLI::App& command, ProcessOptions& options, bool data_required);

// Loads the file, writing errors to standard error and warnings to the log. nullopt on errors; the
// caller exits with kBadTopology.
std::optional<Topology> load_or_report(const std::string& file);

}  // namespace regent::cli
