#include "gateway/admin_api.h"
#include "gateway/drill/faults_json.h"
#include "gateway/json.h"
#include "region/clock.h"
#include "region/log.h"

// POST /v1/faults and DELETE /v1/faults.
namespace regent {
namespace {

AdminReply by_rule(int code, const std::string& error, const FaultReply& reply) {
  auto object = ordered_object();
  object->set("success", false);
  object->set("error", error);
  object->set("rule", reply.rule);
  object->set("message", reply.message);
  return json_reply(code, object);
}

AdminReply fault_reply(const FaultReply& reply) {
  using Kind = FaultReply::Kind;
  switch (reply.outcome) {
    case Kind::done: {
      auto object = ordered_object();
      object->set("success", true);
      if (!reply.message.empty()) object->set("message", reply.message);
      object->set("faults", faults_json(reply.faults, boot_now()));
      return json_reply(200, object);
    }
    case Kind::not_allowed:
      return by_rule(403, "faults_not_allowed", reply);
    case Kind::unfit:
      return admin_error(400, "bad_request", reply.message);
    case Kind::unavailable:
      return admin_error(503, "unavailable", reply.message);
    case Kind::refused:
      return by_rule(412, "refused", reply);
  }
  CHECK(false);
}

std::string without_port(const std::string& address) {
  return address.substr(0, address.rfind(':'));
}

}  // namespace

AdminReply AdminApi::faults(const AdminRequest& request) {
  if (auto refused = refusal(request, "fault")) return *std::move(refused);
  if (request.method == "DELETE") {
    log_event(LogLevel::info, "end of faults ordered", {{"client", request.client}});
    return fault_reply(control_.end_faults(without_port(request.client)));
  }
  const auto order = parse_fault_order(request.body);
  if (!order.ok()) return admin_error(400, "bad_request", order.error().message);
  return fault_reply(control_.order_faults(*order));
}

}  // namespace regent
