#include <Poco/JSON/Array.h>

#include <iostream>
#include <memory>

#include "gateway/admin_api.h"
#include "gateway/cli/admin_client.h"
#include "gateway/cli/cli.h"

namespace regent::cli {
namespace {

// Beyond what the gateway itself waits for the others.
constexpr Duration kGrace = std::chrono::seconds(8);

std::string listed(const Poco::JSON::Object& object, const std::string& key) {
  std::string text;
  const auto array = object.getArray(key);
  for (unsigned i = 0; !array.isNull() && i < array->size(); ++i) {
    text += (text.empty() ? "" : ", ") + array->getElement<std::string>(i);
  }
  return text;
}

// A gateway that sees a quorum is one whose word will count. Any other keeps the order, too, and
// passes it on when it can.
bool sees_quorum(const AdminAnswer& answer) {
  const auto quorum = answer.body->getObject("quorum");
  return !quorum.isNull() && quorum->optValue<std::string>("outcome", "") == "won";
}

void report(const Poco::JSON::Object& body) {
  const std::string missing = listed(body, "not_yet");
  std::cout << "automatic failover is " << (body.optValue("paused", false) ? "paused" : "resumed")
            << " (version " << body.optValue<std::string>("version", "?") << "), "
            << (missing.empty() ? "known to all gateways"
                                : "known to " + listed(body, "known_to") + "; not yet to " +
                                      missing + ", until heard from again")
            << "\n";
  const std::string note = body.optValue<std::string>("note", "");
  if (!note.empty()) std::cout << note << "\n";
}

int run(const std::string& verb, const ClientOptions& options) {
  auto made = AdminClient::make(options, true);
  if (const auto* error = std::get_if<ClientError>(&made)) {
    complain(verb, error->message);
    return error->exit_code;
  }
  auto& client = std::get<AdminClient>(made);
  const auto status = client.get("/v1/status", sees_quorum);
  if (!status.ok()) {
    complain(verb, status.error().message);
    return kError;
  }
  const auto answer =
      client.post(status->address, "/v1/" + verb, "{}", AdminApi::kPauseSpread + kGrace);
  if (!answer.ok()) {
    complain(verb, answered_by(*status) + ": " + answer.error().message +
                       "; look at 'regent status', or order it again: that does no harm");
    return answer.error().code == ErrorCode::timed_out ? kTimedOut : kError;
  }
  if (answer->code != 200) {
    complain(verb, answered_by(*answer) + " answered " + std::to_string(answer->code) + ": " +
                       answer->body->optValue<std::string>("message", "without a message"));
    return kError;
  }
  report(*answer->body);
  return kDone;
}

void add_verb(CLI::App& app, int& exit_code, const std::string& verb, const std::string& help) {
  auto options = std::make_shared<ClientOptions>();
  auto* command = app.add_subcommand(verb, help);
  add_client_options(*command, *options);
  command->callback([options, verb, &exit_code] { exit_code = run(verb, *options); });
}

}  // namespace

void add_pause_commands(CLI::App& app, int& exit_code) {
  add_verb(app, exit_code, "pause",
           "Stop automatic failover, everywhere and until 'resume': no other region takes over by "
           "itself. A switchover still works");
  add_verb(app, exit_code, "resume", "Let failover happen by itself again");
}

}  // namespace regent::cli
