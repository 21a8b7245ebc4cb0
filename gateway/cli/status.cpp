#include <unistd.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <thread>

#include "gateway/cli/admin_client.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/status_table.h"

namespace regent::cli {
namespace {

constexpr auto kRedraw = std::chrono::seconds(1);

struct StatusOptions {
  ClientOptions client;
  bool watch = false;
  bool json = false;
};

int show_once(AdminClient& client, const StatusOptions& options) {
  const auto answer = client.get("/v1/status", shows_primary);
  if (!answer.ok()) {
    complain("status", answer.error().message);
    return kError;
  }
  if (answer->code != 200) {
    complain("status", answered_by(*answer) + " answered " + std::to_string(answer->code));
    return kError;
  }
  if (options.json) {
    answer->body->stringify(std::cout, options.watch ? 0 : 2);
    std::cout << std::endl;
  } else {
    const bool terminal = isatty(STDOUT_FILENO) == 1;
    const std::string table = status_table(*answer->body, answered_by(*answer), terminal);
    // On a terminal the table takes the place of the last one.
    if (options.watch && terminal) std::cout << "\033[H\033[2J";
    std::cout << table << (options.watch && !terminal ? "\n" : "") << std::flush;
  }
  return shows_primary(*answer) ? kDone : kNoQuorum;
}

int run(const StatusOptions& options) {
  auto made = AdminClient::make(options.client, false);
  if (const auto* error = std::get_if<ClientError>(&made)) {
    complain("status", error->message);
    return error->exit_code;
  }
  auto& client = std::get<AdminClient>(made);
  try {
    int code = show_once(client, options);
    while (options.watch && std::cout.good()) {
      std::this_thread::sleep_for(kRedraw);
      code = show_once(client, options);
    }
    return code;
  } catch (const Poco::Exception& e) {
    complain("status", "the answer is not a status: " + e.displayText());
    return kError;
  }
}

}  // namespace

void add_status_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<StatusOptions>();
  auto* command = app.add_subcommand("status", "The cluster at a glance, as one gateway sees it");
  add_client_options(*command, options->client);
  command->add_flag("--watch", options->watch, "Draw again every second, until interrupted");
  command->add_flag("--json", options->json, "Print what /v1/status answered");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace regent::cli
