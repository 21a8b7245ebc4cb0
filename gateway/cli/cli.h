#pragma once

#include <CLI/CLI.hpp>

// One file a subcommand. Each function below adds its subcommand(s) to the app; when the user
// chose it, it runs while the command line is parsed and leaves its exit code.
namespace regent::cli {

enum ExitCode : int {
  kDone = 0,
  kError = 1,
  kNoQuorum = 2,  // or no primary
  kRefused = 3,   // by a safety rule
  kTimedOut = 4,
  kUsage = 64,
  kBadTopology = 78,  // or bad configuration
};

// --log-format and --log-level, understood before and after the subcommand. Must be added first:
// subcommands inherit from the app as it is when they are added.
void add_log_options(CLI::App& app);

void add_topology_command(CLI::App& app, int& exit_code);
void add_certs_command(CLI::App& app, int& exit_code);
void add_node_command(CLI::App& app, int& exit_code);
void add_gateway_command(CLI::App& app, int& exit_code);
void add_local_command(CLI::App& app, int& exit_code);
void add_status_command(CLI::App& app, int& exit_code);
void add_route_command(CLI::App& app, int& exit_code);
void add_switchover_command(CLI::App& app, int& exit_code);
void add_pause_commands(CLI::App& app, int& exit_code);  // pause and resume
void add_drill_command(CLI::App& app, int& exit_code);
void add_version_command(CLI::App& app, int& exit_code);

}  // namespace regent::cli
