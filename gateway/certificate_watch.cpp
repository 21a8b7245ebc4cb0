#include "gateway/certificate_watch.h"

#include <pthread.h>

#include <utility>

#include "region/clock.h"
#include "region/log.h"
#include "security/certificate.h"

namespace regent {

CertificateWatch::CertificateWatch(Table table, std::shared_ptr<TicketKeys> tickets)
    : table_(std::move(table)), tickets_(std::move(tickets)) {}

CertificateWatch::~CertificateWatch() {
  stop();
}

void CertificateWatch::start() {
  CHECK(!thread_.joinable());
  stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void CertificateWatch::stop() {
  if (!thread_.joinable()) return;
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void CertificateWatch::run() {
  pthread_setname_np(pthread_self(), "certificates");
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kInterval, [this] { return stopping_; })) {
    lock.unlock();
    look();
    lock.lock();
  }
}

void CertificateWatch::look() const {
  tickets_->rotate_if_due(boot_now());
  const std::shared_ptr<const ServiceTable> table = table_();
  for (const std::uint32_t number : table->order) {
    const ServiceEntry& entry = table->services[number];
    if (!entry.tls) continue;
    const auto reload = entry.tls->reload_if_changed();
    for (const Error& error : reload.failed) {
      log_event(LogLevel::error, "certificate not reloaded, the old one stays in use",
                {{"service", entry.name}, {"reason", error.message}});
    }
    for (const auto& certificate : reload.loaded) {
      log_event(LogLevel::info, "certificate reloaded",
                {{"service", entry.name},
                 {"file", certificate->file},
                 {"expires", utc_text(certificate->not_after)}});
    }
  }
}

void log_invalid_certificates(const std::string& service, const ServerCertificates& certificates) {
  for (const auto& certificate : certificates.current()) {
    const Status valid = certificate->valid_at(std::chrono::system_clock::now());
    if (valid.ok()) continue;
    log_event(LogLevel::error, "clients will refuse the certificate of a service",
              {{"service", service}, {"reason", valid.error().message}});
  }
}

}  // namespace regent
