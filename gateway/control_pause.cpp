#include "gateway/control_call.h"
#include "region/clock.h"
#include "region/log.h"

// Pause and resume, as the gateway's threads share the work: an operator's order is written to disk
// on the caller's thread, and comes into force on the control thread.
namespace regent {

namespace {

// Orders of other operators may arrive just between; not that many of them.
constexpr int kAttempts = 5;

}  // namespace

// Before run(): nobody else looks at the member yet.
void Control::restore_pause(const PauseRecord& kept) {
  member_.restore_pause(kept);
  logged_pause_ = kept.pause;
  if (kept.pause.paused) {
    log_event(LogLevel::warning, "automatic failover is paused, as before the restart",
              {{"version", std::to_string(kept.pause.version)}});
  }
}

Result<Control::PauseOrder> Control::set_paused(bool paused) {
  const Error busy{ErrorCode::unavailable, "this gateway is stopping or overloaded"};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto known = on_control_thread<PauseRecord>([this] { return member_.pause(); });
    if (!known) return busy;
    const PauseRecord ordered{known->ordered(paused), known->last_reign};
    if (outputs_.keep_pause) {
      if (const Status kept = outputs_.keep_pause(ordered); !kept.ok()) return kept.error();
    }
    const auto adopted = on_control_thread<bool>(
        [this, pause = ordered.pause] { return member_.adopt_pause(pause, boot_now(), outbox_); });
    if (!adopted) {
      return Error{
          ErrorCode::unavailable,
          busy.message + (outputs_.keep_pause ? "; the order is on its disk already and may "
                                                "come into force after a restart"
                                              : "")};
    }
    if (*adopted) return PauseOrder{ordered.pause, static_cast<bool>(outputs_.keep_pause)};
  }
  return Error{ErrorCode::unavailable, "other operators change the switch all the time; try again"};
}

void Control::report_pause(const Outbox& outbox) {
  if (!outbox.pause_changed) return;
  const PauseRecord& record = member_.pause();
  if (outputs_.keep_pause_later) outputs_.keep_pause_later(record);
  if (record.pause == logged_pause_) return;
  logged_pause_ = record.pause;
  const std::string last = topology_.region_name(record.last_reign.region);
  log_event(record.pause.paused ? LogLevel::warning : LogLevel::info,
            record.pause.paused ? "automatic failover is paused" : "automatic failover is resumed",
            {{"version", std::to_string(record.pause.version)},
             {"last_primary", last.empty() ? "none" : last}});
}

}  // namespace regent
