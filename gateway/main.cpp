#include <sys/prctl.h>

#include <csignal>
#include <iostream>
#include <string>

#include "gateway/cli/cli.h"

namespace {

// What was wrong with the command line, after the words that were right: "regent topology: ...".
std::string usage_error(const CLI::App* app, const CLI::Error& error) {
  std::string words = "regent";
  // An unknown word leaves a subcommand missing, which is all that the library would say.
  const auto unknown = app->remaining(true);
  while (!app->get_subcommands().empty()) {
    app = app->get_subcommands().back();
    words += " " + app->get_name();
  }
  const std::string what =
      unknown.empty() ? error.what() : "'" + unknown[0] + "' is not known here";
  return words + ": " + what + "\nSee '" + words + " --help'.\n";
}

}  // namespace

int main(int argc, char** argv) {
  // Children of `regent local` would be "exe" in lists of processes.
  prctl(PR_SET_NAME, "regent");
  // Broken connections are seen where they are written to.
  std::signal(SIGPIPE, SIG_IGN);
  int exit_code = regent::cli::kDone;
  CLI::App app("Keeps exactly one region of a multi-region service in charge.", "regent");
  app.require_subcommand(1);
  app.set_version_flag("--version", "regent " REGENT_VERSION);
  app.failure_message(usage_error);
  regent::cli::add_log_options(app);
  regent::cli::add_topology_command(app, exit_code);
  regent::cli::add_certs_command(app, exit_code);
  regent::cli::add_node_command(app, exit_code);
  regent::cli::add_gateway_command(app, exit_code);
  regent::cli::add_local_command(app, exit_code);
  regent::cli::add_status_command(app, exit_code);
  regent::cli::add_route_command(app, exit_code);
  regent::cli::add_switchover_command(app, exit_code);
  regent::cli::add_pause_commands(app, exit_code);
  regent::cli::add_drill_command(app, exit_code);
  regent::cli::add_version_command(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? regent::cli::kDone : regent::cli::kUsage;
  } catch (const std::exception& error) {
    std::cerr << "regent: " << error.what() << "\n";
    return regent::cli::kError;
  }
  return exit_code;
}
