#include "gateway/control_call.h"
#include "region/clock.h"

// An operator's faults, on the control thread.
namespace regent {

FaultReply Control::order_faults(const FaultOrder& order) {
  const auto reply = on_control_thread<FaultReply>([this, order] {
    const Instant now = boot_now();
    const GatewayStatus status = picture(now);
    FaultReply done = faults_.order(order, {.status = status,
                                            .running = {},
                                            .aborted = {},
                                            .self_eligible = member_.eligible(now),
                                            .now = now,
                                            .wall_now = std::chrono::system_clock::now()});
    publish(now);  // the cut holds for requests, too, before the operator hears of it
    return done;
  });
  return reply ? *reply : busy_with_faults();
}

FaultReply Control::end_faults(const std::string& client) {
  const auto reply = on_control_thread<FaultReply>([this, client] { return faults_.end(client); });
  return reply ? *reply : busy_with_faults();
}

FaultReply Control::busy_with_faults() {
  return {FaultReply::Kind::unavailable, "", "this gateway is stopping or overloaded", {}};
}

// What the heartbeats say, beside what the member knows.
void Control::mark_drill(PeerMessage& message) const {
  if (auto* heartbeat = std::get_if<Heartbeat>(&message)) heartbeat->drill = faults_.drill();
}

void Control::tell_of_drill(Instant now) {
  for (const auto& [gateway, notice] : faults_.notices(now)) {
    outputs_.to_gateway(gateway, notice);
  }
}

}  // namespace regent
