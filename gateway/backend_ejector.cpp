#include "gateway/backend_ejector.h"

#include <algorithm>

#include "region/clock.h"
#include "region/log.h"

namespace regent {

BackendEjector::~BackendEjector() {
  for (const auto& [id, record] : records_) loop_.cancel(record.timer);
}

void BackendEjector::set_table(std::shared_ptr<const ServiceTable> table) {
  table_ = std::move(table);
  std::erase_if(records_, [this](const auto& item) {
    for (const ServiceEntry& entry : table_->services) {
      for (const auto& backend : entry.backends) {
        if (backend->id == item.first) return false;
      }
    }
    loop_.cancel(item.second.timer);
    return true;
  });
}

void BackendEjector::eject(std::uint32_t id, const std::string& why) {
  for (const ServiceEntry& entry : table_->services) {
    const auto found =
        std::ranges::find_if(entry.backends, [id](const auto& it) { return it->id == id; });
    if (found == entry.backends.end()) continue;
    const std::shared_ptr<DestinationState>& backend = *found;
    const Ejection& rule = entry.settings->ejection;
    // A success may have come in between, or another thread's call.
    if (backend->ejected || rule.failures == 0 || backend->failures < rule.failures) return;
    backend->failures = 0;
    const bool another = std::ranges::any_of(entry.backends, [&](const auto& it) {
      return it != backend && it->healthy && !it->ejected;
    });
    if (!another) return;
    Record& record = records_[id];
    const Instant now = boot_now();
    // What has served for as long as it was set aside last time starts from the beginning.
    if (record.times > 0 && now - record.back_at >= record.last) record.times = 0;
    record.last = rule.duration * (1U << std::min(record.times, kMaxDoublings));
    ++record.times;
    backend->ejected = true;
    ++backend->ejections;
    log_event(LogLevel::warning, "backend is set aside",
              {{"service", entry.name},
               {"address", backend->name},
               {"for_ms", std::to_string(record.last / std::chrono::milliseconds(1))},
               {"reason", why}});
    record.timer = loop_.after(record.last, [this, backend] { come_back(backend); });
    return;
  }
}

void BackendEjector::come_back(const std::shared_ptr<DestinationState>& backend) {
  Record& record = records_[backend->id];
  record.timer = 0;
  record.back_at = boot_now();
  backend->failures = 0;
  backend->ejected = false;
  log_event(LogLevel::info, "backend takes requests again", {{"address", backend->name}});
}

}  // namespace regent
