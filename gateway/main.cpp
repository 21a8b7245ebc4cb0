#include <csignal>
#include <iostream>
#include <string>

#include "gateway/cli/cli.h"

namespace {

// "regent topology check": the words the user got right, for a hint that fits.
std::string words_understood(const CLI::App* app) {
  std::string words = "regent";
  for (auto chosen = app->get_subcommands(); !chosen.empty();
       chosen = chosen.back()->get_subcommands()) {
    words += " " + chosen.back()->get_name();
  }
  return words;
}

}  // namespace

int main(int argc, char** argv) {
  // Broken connections are seen where they are written to.
  std::signal(SIGPIPE, SIG_IGN);
  int exit_code = regent::cli::kDone;
  CLI::App app("Keeps exactly one region of a multi-region service in charge.", "regent");
  app.require_subcommand(1);
  app.set_version_flag("--version", "regent " REGENT_VERSION);
  app.failure_message([](const CLI::App* failed, const CLI::Error& error) {
    const std::string words = words_understood(failed);
    return words + ": " + error.what() + "\nSee '" + words + " --help'.\n";
  });
  regent::cli::add_log_options(app);
  regent::cli::add_topology_command(app, exit_code);
  regent::cli::add_certs_command(app, exit_code);
  regent::cli::add_node_command(app, exit_code);
  regent::cli::add_gateway_command(app, exit_code);
  regent::cli::add_local_command(app, exit_code);
  regent::cli::add_status_command(app, exit_code);
  regent::cli::add_route_command(app, exit_code);
  regent::cli::add_switchover_command(app, exit_code);
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
