#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// What the data plane tells the metrics. Called on the data plane's threads for every request, so
// an implementation only adds to counters. `service` is the number in the data plane's
// ServiceTable: at first the index in Topology::services, later what service_added() said.
namespace regent {

enum class RequestClass : std::uint8_t { read, write };

// How a connection of a tcp service, or an upgraded one, ended.
enum class TunnelEnd : std::uint8_t {
  closed,   // both sides have ended their streams
  lost,     // one side went away; the other was told so
  idle,     // nothing came for too long
  cut,      // the right to serve it ended, or its service was removed
  refused,  // it had no place from the start
};

class RequestObserver {
 public:
  virtual ~RequestObserver() = default;

  // The observer that one of the data plane's threads reports to, which counts for itself; threads
  // are numbered from 0. Called before the thread's first report. Lives as long as this one.
  virtual RequestObserver& for_thread(std::size_t) { return *this; }
  // A reload has brought a service that was not there before. Before the first report of it.
  virtual void service_added(std::uint32_t, const std::string&) {}

  // A request got its whole answer (or its connection ended before that, then `code` is 499).
  // `seconds` from the end of the request's head to the last byte of the answer.
  virtual void request_done(std::uint32_t service, RequestClass request_class, unsigned code,
                            double seconds) = 0;
  // Requests waiting for a primary: +1 or -1.
  virtual void held_changed(int delta) = 0;
  // A client's write was answered by this gateway itself that it failed, or that nobody knows: with
  // 502, 503 or 504. Of the gateways that a write passed, the one that made the answer reports it.
  virtual void write_failed() = 0;
  // The right to serve was not there, or ended, when a write was about to go to a backend.
  virtual void fenced() = 0;
  // Client connections: +1 or -1.
  virtual void connections_changed(int delta) = 0;
  // A backend of this region became healthy or unhealthy; also once for each at the start.
  virtual void backend_health(std::uint32_t service, std::string_view address, bool healthy) = 0;
  // A connection of a tcp service, or an upgraded one, is over.
  virtual void tunnel_ended(std::uint32_t service, TunnelEnd end) = 0;
  // What such connections have carried since the last report.
  virtual void tunnel_bytes(std::uint32_t service, std::uint64_t to_backend,
                            std::uint64_t to_client) = 0;
};

// For tools and tests that look at nothing.
class NullRequestObserver final : public RequestObserver {
 public:
  void request_done(std::uint32_t, RequestClass, unsigned, double) override {}
  void held_changed(int) override {}
  void write_failed() override {}
  void fenced() override {}
  void connections_changed(int) override {}
  void backend_health(std::uint32_t, std::string_view, bool) override {}
  void tunnel_ended(std::uint32_t, TunnelEnd) override {}
  void tunnel_bytes(std::uint32_t, std::uint64_t, std::uint64_t) override {}
};

}  // namespace regent
