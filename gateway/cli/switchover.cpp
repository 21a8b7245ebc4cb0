#include <iostream>
#include <memory>

#include "gateway/cli/admin_client.h"
#include "gateway/cli/cli.h"
#include "gateway/duration_text.h"
#include "gateway/json.h"

namespace regent::cli {
namespace {

// Beyond the time-out given, so that the gateway's own word for it arrives.
constexpr Duration kGrace = std::chrono::seconds(5);

struct SwitchoverOptions {
  ClientOptions client;
  std::string to;
  std::string timeout = "30s";
};

int exit_code_of(int http_code) {
  switch (http_code) {
    case 200:
      return kDone;
    case 412:
      return kRefused;
    case 504:
      return kTimedOut;
    default:
      return kError;
  }
}

int report(const AdminAnswer& answer, const std::string& to) {
  const auto& body = *answer.body;
  if (answer.code == 200 && !body.optValue("changed", true)) {
    std::cout << to << " is primary already, in epoch " << body.optValue<std::string>("epoch", "?")
              << "; nothing was done\n";
    return kDone;
  }
  if (answer.code == 200) {
    const std::string from = body.optValue<std::string>("from", "");
    std::cout << "primary is now " << to << (from.empty() ? "" : " (was " + from + ")")
              << ", epoch " << body.optValue<std::string>("epoch", "?") << ", gap "
              << body.optValue<std::string>("gap_ms", "?") << " ms\n";
    return kDone;
  }
  complain("switchover", answered_by(answer) + " answered " + std::to_string(answer.code) + ": " +
                             body.optValue<std::string>("message", "without a message"));
  return exit_code_of(answer.code);
}

int run(const SwitchoverOptions& options) {
  const auto timeout = parse_duration(options.timeout);
  if (!timeout.ok()) {
    complain("switchover", "--timeout: " + timeout.error().message);
    return kUsage;
  }
  auto made = AdminClient::make(options.client, true);
  if (const auto* error = std::get_if<ClientError>(&made)) {
    complain("switchover", error->message);
    return error->exit_code;
  }
  auto& client = std::get<AdminClient>(made);
  // The order is given once, to a gateway that has just shown that it knows the primary: an order
  // whose answer is lost may have been carried out, and must not be repeated elsewhere.
  const auto status = client.get("/v1/status", shows_primary);
  if (!status.ok()) {
    complain("switchover", status.error().message);
    return kError;
  }
  auto order = ordered_object();
  order->set("to", options.to);
  order->set("timeout", options.timeout);
  const auto answer =
      client.post(status->address, "/v1/switchover", json_text(*order), timeout.value() + kGrace);
  if (!answer.ok()) {
    complain("switchover", answered_by(*status) + ": " + answer.error().message +
                               "; look at 'regent status' before trying again");
    return answer.error().code == ErrorCode::timed_out ? kTimedOut : kError;
  }
  const int code = report(*answer, options.to);
  return code == kError && !shows_primary(*status) ? kNoQuorum : code;
}

}  // namespace

void add_switchover_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<SwitchoverOptions>();
  auto* command = app.add_subcommand("switchover", "Make another region primary, losing nothing");
  add_client_options(*command, options->client);
  command->add_option("--to", options->to, "Region that is to be primary")->required();
  command->add_option("--timeout", options->timeout, "How long it may take")->capture_default_str();
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace regent::cli
