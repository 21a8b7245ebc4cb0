#include <Poco/JSON/Array.h>

#include <algorithm>
#include <thread>

#include "gateway/admin_api.h"
#include "gateway/json.h"
#include "region/clock.h"
#include "region/log.h"

// POST /v1/pause and POST /v1/resume.
namespace regent {
namespace {

constexpr auto kLook = std::chrono::milliseconds(10);  // between two looks at who knows

std::string name_of(const LinkStatus& link) {
  return link.region + "." + link.gateway;
}

bool knows(const LinkStatus& link, const Pause& pause) {
  return link.pause >= pause;
}

// Nobody is missing that could be expected to answer soon.
bool all_reachable_know(const GatewayStatus& status, const Pause& pause) {
  return std::all_of(status.links.begin(), status.links.end(), [&](const LinkStatus& link) {
    return knows(link, pause) || link.state == "down" || link.state == "one-way";
  });
}

Poco::JSON::Array::Ptr names(const GatewayStatus& status, const Pause& pause, bool knowing) {
  Poco::JSON::Array::Ptr array = new Poco::JSON::Array;
  if (knowing) array->add(status.region + "." + status.gateway);
  for (const LinkStatus& link : status.links) {
    if (knows(link, pause) == knowing) array->add(name_of(link));
  }
  return array;
}

bool empty_body(const std::string& body) {
  std::string text;
  std::copy_if(body.begin(), body.end(), std::back_inserter(text),
               [](char c) { return c != ' ' && c != '\t' && c != '\r' && c != '\n'; });
  return text.empty() || text == "{}";
}

}  // namespace

AdminReply AdminApi::pause(const AdminRequest& request) {
  return set_paused(request, true);
}

AdminReply AdminApi::resume(const AdminRequest& request) {
  return set_paused(request, false);
}

AdminReply AdminApi::set_paused(const AdminRequest& request, bool paused) {
  const std::string what = paused ? "pause" : "resume";
  if (auto refused = refusal(request, what)) return *std::move(refused);
  if (!empty_body(request.body)) {
    return admin_error(400, "bad_request", request.path + " takes no body, or {}");
  }
  log_event(LogLevel::info, what + " ordered", {{"client", request.client}});
  const auto order = control_.set_paused(paused);
  if (!order.ok()) {
    const bool disk = order.error().code == ErrorCode::io;
    log_event(LogLevel::error, what + " failed", {{"error", order.error().message}});
    return admin_error(disk ? 500 : 503, disk ? "not_stored" : "unavailable",
                       order.error().message +
                           (disk ? "; the switch is not changed, try again or ask another gateway"
                                 : "; look at 'regent status' before trying again"));
  }
  const Instant give_up = boot_now() + kPauseSpread;
  auto status = control_.status();
  while (!all_reachable_know(*status, order->pause) && boot_now() < give_up) {
    std::this_thread::sleep_for(kLook);
    status = control_.status();
  }
  auto object = ordered_object();
  object->set("success", true);
  object->set("paused", order->pause.paused);
  object->set("version", order->pause.version);
  object->set("known_to", names(*status, order->pause, true));
  object->set("not_yet", names(*status, order->pause, false));
  if (!order->kept) {
    object->set("note", status->region + "." + status->gateway +
                            " has no data folder (--data): it does not remember this itself when"
                            " all gateways restart at once");
  }
  return json_reply(200, object);
}

}  // namespace regent
