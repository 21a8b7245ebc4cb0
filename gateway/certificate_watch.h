#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "gateway/service_table.h"
#include "security/ticket_keys.h"

namespace regent {

// Looks about once a second, on a thread of its own, whether certificates of the services were
// renewed, and says in the log what became of it. Files are never read on the request path. Also
// lets the keys of session tickets change.
class CertificateWatch {
 public:
  static constexpr Duration kInterval = std::chrono::seconds(1);

  // table: what is served at present; called on the watch's thread.
  using Table = std::function<std::shared_ptr<const ServiceTable>()>;
  CertificateWatch(Table table, std::shared_ptr<TicketKeys> tickets);
  ~CertificateWatch();  // stop()
  CertificateWatch(const CertificateWatch&) = delete;
  CertificateWatch& operator=(const CertificateWatch&) = delete;

  // One thread, not the watch's.
  void start();
  void stop();

 private:
  void run();
  void look() const;

  const Table table_;
  const std::shared_ptr<TicketKeys> tickets_;
  std::mutex mutex_;  // guards stopping_
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

// A service's certificates as they are at the start: says in the log which are not valid now. They
// are shown all the same; it is for the clients to refuse them, and other services have better.
void log_invalid_certificates(const std::string& service, const ServerCertificates& certificates);

}  // namespace regent
