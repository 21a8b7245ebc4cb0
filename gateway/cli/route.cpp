#include <Poco/JSON/Array.h>

#include <iostream>
#include <memory>

#include "gateway/cli/admin_client.h"
#include "gateway/cli/cli.h"

namespace regent::cli {
namespace {

struct RouteOptions {
  ClientOptions client;
  bool json = false;
};

void print_route(const AdminAnswer& answer) {
  const auto& body = *answer.body;
  if (!shows_primary(answer)) {
    std::cout << "no primary, highest epoch " << body.getValue<std::string>("epoch") << "\n";
    return;
  }
  std::cout << "primary " << body.getValue<std::string>("primary") << ", epoch "
            << body.getValue<std::string>("epoch") << ", lease ends in "
            << body.getValue<std::string>("expires_in_ms") << " ms\n";
  const auto services = body.getObject("services");
  if (services.isNull()) return;
  for (const std::string& name : services->getNames()) {
    std::cout << name;
    const auto gateways = services->getArray(name);
    for (unsigned i = 0; i < gateways->size(); ++i) {
      std::cout << " " << gateways->getElement<std::string>(i);
    }
    std::cout << "\n";
  }
}

int run(const RouteOptions& options) {
  auto made = AdminClient::make(options.client, false);
  if (const auto* error = std::get_if<ClientError>(&made)) {
    complain("route", error->message);
    return error->exit_code;
  }
  const auto answer = std::get<AdminClient>(made).get("/v1/route", shows_primary);
  if (!answer.ok()) {
    complain("route", answer.error().message);
    return kError;
  }
  if (answer->code != 200 && answer->code != 503) {
    complain("route", answered_by(*answer) + " answered " + std::to_string(answer->code));
    return kError;
  }
  try {
    if (options.json) {
      answer->body->stringify(std::cout, 2);
      std::cout << "\n";
    } else {
      print_route(*answer);
    }
  } catch (const Poco::Exception& e) {
    complain("route", "the answer is not a route: " + e.displayText());
    return kError;
  }
  return shows_primary(*answer) ? kDone : kNoQuorum;
}

}  // namespace

void add_route_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<RouteOptions>();
  auto* command = app.add_subcommand("route", "Which region is primary, and where to go");
  add_client_options(*command, options->client);
  command->add_flag("--json", options->json, "Print what /v1/route answered");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace regent::cli
