#include "gateway/admin_api.h"

#include <Poco/JSON/Parser.h>

#include <algorithm>

#include "gateway/duration_text.h"
#include "gateway/json.h"
#include "gateway/status_json.h"
#include "region/clock.h"
#include "region/log.h"

namespace regent {
namespace {

constexpr const char* kText = "text/plain; charset=utf-8";
constexpr const char* kPrometheusText = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view kChecks = "GET, HEAD, OPTIONS";
constexpr std::string_view kReads = "GET, HEAD";

AdminReply check_reply(bool good, const std::string& text) {
  AdminReply reply;
  reply.code = good ? 200 : 503;
  reply.content_type = kText;
  reply.body = text + "\n";
  return reply;
}

std::string self_name(const GatewayStatus& status) {
  return status.region + "." + status.gateway;
}

bool fresh(const GatewayStatus& status, Instant now) {
  return status.taken == Instant::min() || now - status.taken <= AdminApi::kStaleAfter;
}

// A page of another site may make the operator's browser send a request, with the operator's
// certificate; the browser then names that site.
bool from_another_site(const AdminRequest& request) {
  return !request.origin.empty() && request.origin != "https://" + request.host;
}

std::string joined_regions(const GatewayStatus& status) {
  std::string names;
  for (const RegionStatus& region : status.quorum.regions) {
    names += (names.empty() ? "" : ", ") + region.name;
  }
  return names;
}

struct SwitchoverOrder {
  std::string to;
  Duration timeout = AdminApi::kDefaultSwitchover;
};

Result<SwitchoverOrder> parse_order(const std::string& body) {
  static const char* kExample = "; send {\"to\":\"REGION\"}, with \"timeout\":\"30s\" if you like";
  SwitchoverOrder order;
  try {
    Poco::JSON::Parser parser;
    parser.setDepth(4);
    const auto object = parser.parse(body).extract<Poco::JSON::Object::Ptr>();
    for (const auto& [key, value] : *object) {
      if (key != "to" && key != "timeout") {
        return Error{ErrorCode::invalid, "unknown key '" + key + "'" + kExample};
      }
      if (!value.isString()) {
        return Error{ErrorCode::invalid, "'" + key + "' must be a string" + kExample};
      }
      const std::string text = value.extract<std::string>();
      if (key == "to") {
        order.to = text;
      } else {
        auto timeout = parse_duration(text);
        if (!timeout.ok()) return timeout.error();
        order.timeout = timeout.value();
      }
    }
  } catch (const std::exception&) {  // Poco::Exception is one
    return Error{ErrorCode::invalid, std::string("the body is not a JSON object") + kExample};
  }
  if (order.to.empty()) return Error{ErrorCode::invalid, std::string("'to' is missing") + kExample};
  return order;
}

AdminReply switchover_reply(const std::string& from, const std::string& to,
                            const SwitchoverReply& result) {
  switch (result.outcome) {
    case SwitchoverOutcome::done: {
      auto object = ordered_object();
      object->set("success", true);
      object->set("from", from);
      object->set("to", to);
      object->set("epoch", result.epoch.value);
      object->set("gap_ms", std::chrono::ceil<std::chrono::milliseconds>(result.gap).count());
      object->set("changed", result.gap > Duration::zero());
      if (!result.message.empty()) object->set("message", result.message);
      return json_reply(200, object);
    }
    case SwitchoverOutcome::not_possible:
      return admin_error(409, "not_possible", result.message);
    case SwitchoverOutcome::unsafe:
      return admin_error(412, "unsafe", result.message);
    case SwitchoverOutcome::timed_out:
      return admin_error(504, "timed_out", result.message);
  }
  CHECK(false);
}

// One line a check, and whether those that are required passed.
struct Readiness {
  bool ready = true;
  std::string lines;

  void add(const std::string& name, bool good, const std::string& detail) {
    ready = ready && good;
    lines += (good ? "[+]" : "[-]") + name + (good ? " ok" : " failed") +
             (detail.empty() ? "" : ": " + detail) + "\n";
  }
};

Readiness readiness(const GatewayStatus& status, Instant now) {
  Readiness result;
  const bool alive = fresh(status, now);
  result.add("control", alive, alive ? "" : "the control thread has not reported for some time");
  if (status.stopping) result.add("stopping", false, "this gateway is about to end");
  const bool quorum = status.quorum.outcome == Outcome::won;
  result.add("quorum", quorum,
             std::to_string(status.quorum.weight) + " of " + std::to_string(status.quorum.total) +
                 " present, " + std::to_string(status.quorum.needed) + " needed");
  const bool primary = status.knows_primary_at(now);
  result.add("primary", primary,
             primary               ? status.primary + " in epoch " + std::to_string(status.epoch)
             : status.pause.paused ? "none is known, and automatic failover is paused"
                                   : "none is known");
  // Losing the mirror changes nothing for requests through the gateway, so it is only told.
  result.lines += "[" + std::string(status.route_cache_state == "down" ? "!" : "+") +
                  "]route_cache " + status.route_cache_state + " (not required)\n";
  return result;
}

}  // namespace

struct AdminApi::Path {
  std::string_view path;
  std::string_view methods;
  AdminReply (AdminApi::*handler)(const AdminRequest&);
};

const AdminApi::Path AdminApi::kPaths[] = {
    {"/primary", kChecks, &AdminApi::primary}, {"/standby", kChecks, &AdminApi::standby},
    {"/quorum", kChecks, &AdminApi::quorum},   {"/livez", kChecks, &AdminApi::livez},
    {"/readyz", kChecks, &AdminApi::readyz},   {"/v1/status", kReads, &AdminApi::status},
    {"/v1/route", kReads, &AdminApi::route},   {"/v1/switchover", "POST", &AdminApi::switchover},
    {"/v1/pause", "POST", &AdminApi::pause},   {"/v1/resume", "POST", &AdminApi::resume},
    {"/v1/faults", "POST, DELETE", &AdminApi::faults},
    {"/metrics", kReads, &AdminApi::metrics},
};

AdminReply json_reply(int code, const Poco::JSON::Object::Ptr& object) {
  AdminReply reply;
  reply.code = code;
  reply.body = json_text(*object);
  return reply;
}

AdminReply admin_error(int code, const std::string& error, const std::string& message) {
  auto object = ordered_object();
  object->set("success", false);
  object->set("error", error);
  object->set("message", message);
  return json_reply(code, object);
}

AdminApi::AdminApi(ControlPort& control, MetricsText metrics)
    : control_(control), metrics_(std::move(metrics)) {}

const AdminApi::Path* AdminApi::find_path(std::string_view path) {
  const auto* found = std::find_if(std::begin(kPaths), std::end(kPaths),
                                   [&](const Path& known) { return known.path == path; });
  return found == std::end(kPaths) ? nullptr : found;
}

AdminReply AdminApi::unknown_path(const std::string& path) {
  auto object = ordered_object();
  object->set("success", false);
  object->set("error", std::string("not_found"));
  object->set("message", "there is no '" + path + "' here");
  Poco::JSON::Array::Ptr paths = new Poco::JSON::Array;
  for (const Path& known : kPaths) paths->add(std::string(known.path));
  object->set("paths", paths);
  return json_reply(404, object);
}

AdminReply AdminApi::answer(const AdminRequest& request) {
  const Path* path = find_path(request.path);
  if (path == nullptr) return unknown_path(request.path);
  const std::string methods(path->methods);
  // Each name ends at a comma or at the end, so that no part of a name is taken for a method.
  if ((", " + methods + ",").find(", " + request.method + ",") == std::string::npos) {
    AdminReply reply = admin_error(405, "method_not_allowed",
                                   request.path + " takes " + methods + ", not " + request.method);
    reply.allow = methods;
    return reply;
  }
  AdminReply reply = (this->*path->handler)(request);
  if (request.method == "OPTIONS") {
    reply.allow = methods;
    reply.body.clear();
  }
  return reply;
}

AdminReply AdminApi::primary(const AdminRequest&) {
  const auto status = control_.status();
  const bool serving = status->serves_at(boot_now());
  return check_reply(
      serving, self_name(*status) +
                   (serving ? " serves writes in epoch " : " holds no lease; highest epoch ") +
                   std::to_string(status->epoch));
}

AdminReply AdminApi::standby(const AdminRequest&) {
  const auto status = control_.status();
  const Instant now = boot_now();
  const Role role = status->role_at(now);
  const bool healthy = fresh(*status, now) && status->quorum.outcome == Outcome::won &&
                       (role == Role::standby || role == Role::candidate);
  const bool other = !(status->knows_primary_at(now) && status->primary == status->region);
  return check_reply(healthy && other, self_name(*status) + " is " + role_name(role) +
                                           (other ? "" : " in the primary region") +
                                           (healthy ? "" : ", not a healthy standby"));
}

AdminReply AdminApi::quorum(const AdminRequest&) {
  const auto status = control_.status();
  const bool won = fresh(*status, boot_now()) && status->quorum.outcome == Outcome::won;
  return check_reply(won, self_name(*status) + (won ? " sees a quorum: " : " sees no quorum: ") +
                              std::to_string(status->quorum.weight) + " of " +
                              std::to_string(status->quorum.total) + " present, " +
                              std::to_string(status->quorum.needed) + " needed");
}

AdminReply AdminApi::livez(const AdminRequest&) {
  return check_reply(true, "ok");
}

AdminReply AdminApi::readyz(const AdminRequest& request) {
  const Readiness result = readiness(*control_.status(), boot_now());
  const std::string summary = result.ready ? "ready" : "not ready";
  const bool verbose = ("&" + request.query + "&").find("&verbose&") != std::string::npos ||
                       ("&" + request.query).find("&verbose=") != std::string::npos;
  // Whoever is not ready is asked why next, so the reasons come along.
  return check_reply(result.ready, (verbose || !result.ready ? result.lines : "") + summary);
}

AdminReply AdminApi::status(const AdminRequest&) {
  return json_reply(200, status_json(*control_.status(), boot_now()));
}

AdminReply AdminApi::route(const AdminRequest&) {
  const auto status = control_.status();
  const Instant now = boot_now();
  return json_reply(status->knows_primary_at(now) ? 200 : 503, route_json(*status, now));
}

AdminReply AdminApi::metrics(const AdminRequest&) {
  AdminReply reply;
  reply.content_type = kPrometheusText;
  reply.body = metrics_(*control_.status());
  return reply;
}

std::optional<AdminReply> AdminApi::refusal(const AdminRequest& request, const std::string& what) {
  const auto refuse = [&](int code, const std::string& error, const std::string& message) {
    log_event(LogLevel::warning, what + " refused",
              {{"client", request.client}, {"reason", message}});
    return admin_error(code, error, message);
  };
  if (from_another_site(request)) {
    return refuse(403, "forbidden", "the request comes from a page of " + request.origin);
  }
  if (!request.certificate_shown) {
    return refuse(401, "unauthorized",
                  "a " + what +
                      " needs the operator's client certificate "
                      "(operator.crt and operator.key)");
  }
  if (const Status allowed = request.is_operator(); !allowed.ok()) {
    return refuse(403, "forbidden", allowed.error().message);
  }
  return std::nullopt;
}

AdminReply AdminApi::switchover(const AdminRequest& request) {
  if (auto refused = refusal(request, "switchover")) return *std::move(refused);
  const auto order = parse_order(request.body);
  if (!order.ok()) return admin_error(400, "bad_request", order.error().message);
  const auto before = control_.status();
  const auto& regions = before->quorum.regions;
  if (std::none_of(regions.begin(), regions.end(),
                   [&](const RegionStatus& region) { return region.name == order->to; })) {
    return admin_error(
        400, "bad_request",
        "there is no region '" + order->to + "'; there are " + joined_regions(*before));
  }
  if (switching_.exchange(true)) {
    return admin_error(409, "not_possible", "another switchover is under way through this gateway");
  }
  const std::string from = before->knows_primary_at(boot_now()) ? before->primary : "";
  log_event(LogLevel::info, "switchover ordered",
            {{"client", request.client}, {"from", from}, {"to", order->to}});
  const SwitchoverReply result = control_.switchover(order->to, order->timeout);
  switching_ = false;
  return switchover_reply(from, order->to, result);
}

}  // namespace regent
